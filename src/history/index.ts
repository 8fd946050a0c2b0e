export { type EventHistory, openEvents } from './events.ts';
export { nameMatcher } from './glob.ts';
export { segmentsOf } from './journal.ts';
export { type KeyStats, keysMost } from './keys.ts';
export { lastPoint, type Place, type PointLine, pointsAfter } from './lines.ts';
export {
  type Known,
  knownPoints,
  openPoints,
  type PointHistory,
  type PointsMessage,
  pointsName,
} from './points.ts';
export { type PointsText, textAfter } from './text.ts';
export { unbroken } from './unbroken.ts';
