export type {
  Door,
  HttpServer,
  HttpServerOptions,
  SessionMade,
  Sessions,
} from './door.ts';
export { startHttpServer } from './server.ts';
