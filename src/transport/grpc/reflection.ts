/**
 * The definition as reflection should serve it. protobufjs puts each package into one file and leaves the
 * imports between them out; strict clients such as grpcurl then cannot resolve `google.protobuf.Struct`.
 */
import type { PackageDefinition } from '@grpc/proto-loader';
import descriptor from 'protobufjs/ext/descriptor/index.js';

const { FileDescriptorProto } = descriptor;
const wellKnown = 'google_protobuf.proto';

/** A copy whose files import what they use, and the files of `others` beside them. */
export function reflectable(
  definition: PackageDefinition,
  others: readonly Service[] = [],
): PackageDefinition {
  // Any type of a service leads to its whole file.
  const types = others.flatMap((service) =>
    Object.values(service).map(({ path, requestType }) => [path, requestType] as const),
  );
  const entries = [...Object.entries(definition), ...types].map(([name, item]) => {
    if (!('fileDescriptorProtos' in item)) return [name, item];
    const files = item.fileDescriptorProtos as Buffer[];
    return [name, { ...item, fileDescriptorProtos: files.map(linked) }];
  });
  return Object.fromEntries(entries) as PackageDefinition;
}

/** As any version of proto-loader has it. */
type Service = Record<string, { path: string; requestType: object }>;
type Field = { name: string; typeName: string };
type Message = {
  name: string;
  field: Field[];
  nestedType: (Message & { options?: { mapEntry?: boolean } })[];
};
type File = { name: string; dependency: string[]; messageType: Message[] };

function linked(bytes: Buffer): Buffer {
  const file = FileDescriptorProto.decode(bytes) as unknown as File;
  for (const message of file.messageType) renameMapEntries(message);
  if (file.name !== wellKnown) file.dependency = [wellKnown];
  return Buffer.from(FileDescriptorProto.encode(file as never).finish());
}

/** A map's entry type must be called after its field: `fields` has `FieldsEntry`. */
function renameMapEntries(message: Message): void {
  for (const entry of message.nestedType.filter(({ options }) => options?.mapEntry === true)) {
    const field = message.field.find(({ typeName }) => typeName.split('.').at(-1) === entry.name);
    if (field === undefined) continue;
    const name = `${field.name.charAt(0).toUpperCase()}${field.name.slice(1)}Entry`;
    field.typeName = field.typeName.replace(new RegExp(`${entry.name}$`), name);
    entry.name = name;
  }
}
