import type { Route } from '../route.ts';
import { actRoutes } from './act.ts';
import { artifactRoutes } from './artifacts.ts';
import { groupRoutes } from './groups.ts';
import { historyRoutes } from './history.ts';
import { runRoutes } from './runs.ts';
import { sessionRoutes } from './session.ts';
import { streamRoutes } from './stream.ts';
import { yardRoutes } from './yard.ts';

/** All of the API, in the order in which its page lists it. */
export const routes: readonly Route[] = [
  ...runRoutes,
  ...actRoutes,
  ...groupRoutes,
  ...historyRoutes,
  ...artifactRoutes,
  ...yardRoutes,
  ...streamRoutes,
  ...sessionRoutes,
];
