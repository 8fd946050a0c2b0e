export { type Audit, type AuditBook, openAuditBook } from './book.ts';
export { type Asked, type AuditEntry, callerAt, entryOf, lineOf, nothingSaid } from './entry.ts';
export { type Facts, type Gathering, gather } from './facts.ts';
export { recording } from './here.ts';
export { auditFiles, auditNames } from './places.ts';
export { type ReadOptions, readAudit } from './read.ts';
