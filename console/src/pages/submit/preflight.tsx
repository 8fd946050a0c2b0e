import { useYard } from '../../data/yard.ts';
import { State } from '../../ui/marks.tsx';
import { Why } from '../../ui/why.tsx';
import type { Shape } from './shape.ts';
import type { Plan } from './use-plan.ts';

/** What would become of it now, with every reason; and what is sent. */
export function Preflight(props: {
  plan: Plan;
  config: string;
  properties: Readonly<Record<string, Shape>>;
}) {
  const { plan, config, properties } = props;
  return (
    <>
      <div aria-live="polite" className="verdict">
        <Verdict plan={plan} properties={properties} />
      </div>
      <p className="quiet">
        The trainer gets the variables of <em>environment</em> and nothing of anybody’s shell;{' '}
        <code>runyard submit</code> takes those of its shell along.
      </p>
      {config === '' ? null : (
        <details>
          <summary>What is sent</summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is to be reached by keys */}
          <pre className="command" tabIndex={0}>
            {config}
          </pre>
        </details>
      )}
    </>
  );
}

function Verdict({
  plan,
  properties,
}: {
  plan: Plan;
  properties: Readonly<Record<string, Shape>>;
}) {
  const gpus = useYard((state) => state.gpus);
  if (plan.state === 'nothing')
    return <p className="quiet">Type a command: here it says at once what would become of it.</p>;
  if (plan.state === 'asking') return <p className="quiet">looking …</p>;
  if (plan.state === 'unknown') {
    return (
      <p>
        <State status="failed" text="refused:" /> {plan.text}
      </p>
    );
  }
  if (plan.state === 'invalid') {
    const names = Object.keys(properties);
    const elsewhere = plan.violations.filter(
      ({ field }) => !names.includes(field.split('/')[1] ?? ''),
    );
    const count = plan.violations.length - elsewhere.length;
    return (
      <>
        <p>
          <State status="failed" text="refused:" /> {plan.text}
          {count === 0 ? '' : `; ${count} ${count === 1 ? 'field says' : 'fields say'} why`}
        </p>
        {elsewhere.map(({ field, rule, hint }) => (
          <p key={`${field} ${rule}`}>
            {field} {rule}
            {hint === '' ? '' : `; ${hint}`}
          </p>
        ))}
      </>
    );
  }
  const { verdict, text, slots } = plan.plan;
  if (verdict === 'starts') {
    const names = slots.map((slot) => {
      const gpu = gpus.find(({ id }) => slot.startsWith(id));
      return gpu === undefined ? slot : `GPU ${gpu.index}`;
    });
    return (
      <p>
        <State status="running" text="starts at once" />
        {names.length === 0 ? '' : ` on ${names.join(', ')}`}
      </p>
    );
  }
  const isRefused = verdict === 'refused';
  return (
    <p>
      <State status={isRefused ? 'rejected' : 'queued'} text={isRefused ? 'refused:' : 'waits:'} />{' '}
      <Why text={text} />
    </p>
  );
}
