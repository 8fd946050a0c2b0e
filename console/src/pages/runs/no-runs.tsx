import { Link } from 'wouter';
import { useMayAct } from '../../acts/acts.ts';
import { useYard } from '../../data/yard.ts';

/** Nothing ran here yet: the one command that changes that. */
export function NoRuns() {
  const yard = useYard((state) => state.health?.yard ?? 'this yard');
  const mayAct = useMayAct();
  return (
    <div className="empty">
      <h1>No runs in {yard} yet</h1>
      <p>Any command can be a run. This one starts there, and shows up here:</p>
      <pre>runyard run -- python train.py --seed 1</pre>
      {mayAct ? (
        <p>
          Or <Link href="/submit">submit one from here</Link>.
        </p>
      ) : null}
      <p className="quiet">
        Numbers that a script prints, such as <code>loss=0.5 step=1</code>, become curves.
      </p>
    </div>
  );
}
