/** What a worker on a node of a cluster needs of the executors: little, because each job loads it anew. */
export { pruneTemp } from '../local/temp.ts';
export { prepare } from '../prepare.ts';
export { findRecorder } from '../recorder.ts';
export { type JobClaim, type Parcel, parcelIn } from '../slurm/parcel.ts';
export { encodeTalk, type FileMessage, type TalkMessage, type TalkReply } from '../slurm/talk.ts';
