export { type GrpcServer, type GrpcServerOptions, startGrpcServer } from './server.ts';
