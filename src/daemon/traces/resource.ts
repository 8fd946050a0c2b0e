/** Who the spans and figures are of, by OpenTelemetry's conventions. The same after every restart. */
import os from 'node:os';
import {
  ATTR_SERVICE_INSTANCE_ID,
  ATTR_SERVICE_NAME,
  ATTR_SERVICE_VERSION,
} from '@opentelemetry/semantic-conventions';

export type ResourceAbout = {
  yard: string;
  version: string;
  /** By OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME. */
  asked: Readonly<Record<string, string>>;
};

export function resourceAttributes(about: ResourceAbout): Record<string, string> {
  return {
    [ATTR_SERVICE_NAME]: 'runyard',
    [ATTR_SERVICE_VERSION]: about.version,
    [ATTR_SERVICE_INSTANCE_ID]: about.yard,
    'host.name': os.hostname(),
    ...about.asked,
  };
}
