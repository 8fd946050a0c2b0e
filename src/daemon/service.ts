/**
 * Talks to the service manager that started the daemon (sd_notify): that it is ready, how it is, that it lives, that
 * it ends. Through the recorder, because Node has no datagram sockets of that kind. Whatever fails here, the
 * daemon goes on.
 */
import { execa } from 'execa';
import { type Clock, every, type Logger } from '../telemetry/index.ts';
import type { ServiceVariables } from './service-variables.ts';

export type Notice = {
  /** It serves. From now on the manager hears that it lives. */
  ready(status: string): void;
  /** One line for `systemctl status`; told when it is another. */
  status(text: string): void;
  stopping(): void;
  close(): void;
};

export function createNotice(options: {
  service: ServiceVariables | null;
  recorder: () => string;
  clock: Clock;
  log: Logger;
}): Notice {
  const { service, clock, log } = options;
  if (service === null) return silent;
  let child: ReturnType<typeof start> | null = null;
  let stopPings: () => void = () => undefined;
  let told = '';
  const start = () => {
    const running = execa(options.recorder(), ['--notify'], {
      env: { NOTIFY_SOCKET: service.socket },
      extendEnv: false,
      stdin: 'pipe',
      stdout: 'ignore',
      stderr: 'ignore',
      buffer: false,
      reject: false,
      cleanup: true,
    });
    const { stdin } = running.nodeChildProcess;
    // It ended, or was ended: the next message starts another one.
    stdin?.on('error', () => undefined);
    void running.then(() => {
      child = null;
    });
    return { running, stdin };
  };
  const tell = (line: string): void => {
    try {
      child ??= start();
      child.stdin?.write(`${line}\n`);
    } catch (error) {
      log.warn({ err: error }, 'the service manager could not be told');
    }
  };
  const status = (text: string): void => {
    const line = text.replaceAll(/\s+/g, ' ').slice(0, 500);
    if (line === told) return;
    told = line;
    tell(`STATUS=${line}`);
  };
  return {
    ready(text) {
      status(text);
      tell('READY=1');
      // Three times within the time: one that comes late on a busy machine is no reason to be killed.
      if (service.watchdogMs !== null)
        stopPings = every(clock, service.watchdogMs / 3, () => tell('WATCHDOG=1'));
    },
    status,
    stopping: () => tell('STOPPING=1'),
    close() {
      stopPings();
      child?.stdin?.end();
    },
  };
}

const silent: Notice = {
  ready: () => undefined,
  status: () => undefined,
  stopping: () => undefined,
  close: () => undefined,
};
