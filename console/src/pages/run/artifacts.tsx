/** Files that the run left: videos side by side by step, all else to be saved. */
import { useEffect, useState } from 'react';
import { bytesText } from '../../../../src/units.ts';
import { ask, errorText, urlOf } from '../../data/api.ts';
import type { Artifact, RunSummary } from '../../data/types.ts';
import { hear } from '../../data/yard.ts';
import { Ago } from '../../ui/marks.tsx';
import { useMoment } from './cursor.ts';

const againMs = 5000;

export function Artifacts({ run, attempt }: { run: RunSummary; attempt: number }) {
  const { found: all, error } = useArtifacts(run, attempt);
  const at = useMoment((moment) => moment?.at ?? null);
  if (all === null) {
    return (
      <p className={error === '' ? 'quiet none' : 'trouble none'}>
        {error === '' ? 'loading …' : `They are not to be had: ${error}`}
      </p>
    );
  }
  // At a moment of the past only what was there.
  const there = all.filter(({ modified }) => at === null || Date.parse(modified) <= at);
  if (there.length === 0) {
    return (
      <p className="quiet none">
        {all.length > 0 ? 'None yet at that moment.' : 'No artifacts. Name what to keep: '}
        {all.length > 0 ? null : <code>runyard run --artifacts 'videos/*.mp4' …</code>}
      </p>
    );
  }
  const videos = there.filter(
    ({ media_type: type, path }) => type.startsWith('video/') && path !== '',
  );
  const images = there.filter(
    ({ media_type: type, path }) => type.startsWith('image/') && path !== '',
  );
  return (
    <div className="artifacts">
      {videos.length === 0 ? null : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, by keys too
        <ul className="videos" aria-label="videos" tabIndex={0}>
          {videos
            .sort((a, b) => Number(a.step) - Number(b.step))
            .map((video) => (
              <li key={`${video.attempt} ${video.name}`}>
                <Video run={run} video={video} />
              </li>
            ))}
        </ul>
      )}
      {images.length === 0 ? null : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, by keys too
        <ul className="videos" aria-label="images" tabIndex={0}>
          {images.map((image) => (
            <li key={`${image.attempt} ${image.name}`}>
              <img src={placeOf(run, image)} alt={image.name} loading="lazy" />
            </li>
          ))}
        </ul>
      )}
      <table className="files">
        <thead>
          <tr>
            <th>file</th>
            <th>size</th>
            <th>written</th>
            <th>note</th>
          </tr>
        </thead>
        <tbody>
          {there.map((artifact) => (
            <tr key={`${artifact.attempt} ${artifact.name}`}>
              <td>
                {artifact.path === '' ? (
                  artifact.name
                ) : (
                  <a href={placeOf(run, artifact)} download>
                    {artifact.name}
                  </a>
                )}
                {artifact.attempt !== attempt ? ` (attempt ${artifact.attempt})` : ''}
              </td>
              <td className="number">{bytesText(artifact.size)}</td>
              <td>
                <Ago at={artifact.modified} />
              </td>
              <td>{artifact.problem || artifact.note}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Plays while the pointer or the focus is on it. */
function Video({ run, video }: { run: RunSummary; video: Artifact }) {
  return (
    <figure>
      <video
        src={placeOf(run, video)}
        muted
        loop
        playsInline
        controls
        preload="metadata"
        aria-label={video.name}
        onPointerEnter={({ currentTarget }) => void currentTarget.play().catch(() => undefined)}
        onPointerLeave={({ currentTarget }) => currentTarget.pause()}
      />
      <figcaption className="cut" title={video.name}>
        {video.step === ''
          ? video.name.split('/').at(-1)
          : `step ${Number(video.step).toLocaleString('en')}`}
      </figcaption>
    </figure>
  );
}

function placeOf(run: RunSummary, { attempt, name }: Artifact): string {
  const path = name.split('/').map(encodeURIComponent).join('/');
  return `${urlOf('/api/runs/:run/artifacts', { params: { run: run.run_id } })}/${attempt}/${path}`;
}

function useArtifacts(
  { run_id: id, finished_at: finished }: RunSummary,
  attempt: number,
): { found: Artifact[] | null; error: string } {
  const [found, setFound] = useState<Artifact[] | null>(null);
  const [error, setError] = useState('');
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    const load = (): void => {
      ask('GET /api/runs/:run/artifacts', { params: { run: id }, query: { attempt }, signal }).then(
        ({ artifacts }) => {
          setFound(artifacts);
          setError('');
        },
        (failure) => !signal.aborted && setError(errorText(failure)),
      );
    };
    load();
    const end = hear(id, load);
    const timer = finished === '' ? window.setInterval(load, againMs) : undefined;
    return () => {
      controller.abort();
      window.clearInterval(timer);
      end();
    };
  }, [id, attempt, finished]);
  return { found, error };
}
