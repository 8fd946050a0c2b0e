/** Pages, each loaded when it is opened. */
import { lazy } from 'react';

export const CompareView = lazy(() =>
  import('./compare/index.tsx').then(({ ComparePage }) => ({ default: ComparePage })),
);
export const RunView = lazy(() =>
  import('./run/index.tsx').then(({ RunPage }) => ({ default: RunPage })),
);
export const RunsView = lazy(() =>
  import('./runs/index.tsx').then(({ RunsPage }) => ({ default: RunsPage })),
);
export const SubmitView = lazy(() =>
  import('./submit/index.tsx').then(({ SubmitPage }) => ({ default: SubmitPage })),
);
export const YardView = lazy(() =>
  import('./yard/index.tsx').then(({ YardPage }) => ({ default: YardPage })),
);
