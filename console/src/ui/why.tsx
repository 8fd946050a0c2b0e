import { Link } from 'wouter';
import { useYard } from '../data/yard.ts';

/** A sentence of the daemon, with a link where it names a run of the yard. */
export function Why({ text }: { text: string }) {
  const runs = useYard((state) => state.runs);
  let at = 0;
  return (
    <>
      {text.split(/\b([a-z2-7]{8})\b/).map((word) => {
        at += word.length;
        return runs.has(word) ? (
          <Link key={at} href={`/run/${word}`}>
            {word}
          </Link>
        ) : (
          word
        );
      })}
    </>
  );
}
