/** One field of the form, as its schema has it, with what the daemon says of it. */
import type { ReactNode } from 'react';
import type { Violation } from '../../data/types.ts';
import { groupOf, kindOf, moreOf, morePointer, type Shape, type Texts } from './shape.ts';

export type Form = {
  texts: Texts;
  violations: readonly Violation[];
  set(pointer: string, text: string): void;
};

/** What a field is called where its name alone says too little. */
const labels: Readonly<Record<string, string>> = {
  '/cwd': 'directory',
  '/env': 'environment',
  '/gpu_memory_mib': 'GPU memory, MiB',
  '/gpus': 'GPUs',
  '/retry': 'try again',
  '/retry/max': 'attempts after the first',
  '/stop_when': 'end when a metric is',
  '/cpus': 'CPU slots',
  '/executor': 'where',
  '/slurm': 'asked of Slurm',
  '/slurm/qos': 'QOS',
  '/slurm/time_s': 'time limit of Slurm, s',
  '/slurm/gres': 'GRES',
  '/slurm/flags': 'options of sbatch',
};
const examples: Readonly<Record<string, string>> = {
  '/command': 'python train.py --seed 1',
  '/cwd': '/home/ana/project',
  '/env': 'WANDB_MODE=offline\nPATH=/opt/venv/bin:/usr/bin:/bin',
  '/gpus': '0',
  '/priority': '0',
  '/retry/max': '0',
  '/retry/on': 'lost oom 137',
  '/retry/backoff_s': '10',
  '/stop_when/key': 'charts/episodic_return',
  '/slurm/partition': 'gpu',
  '/slurm/gres': 'gpu:a100',
  '/slurm/flags': '--constraint=a100 --exclusive',
  '/tags': 'baseline v2',
  '/artifacts': 'runs/** videos/**',
};

export function Field(props: { shape: Shape; pointer: string; isRequired?: boolean; form: Form }) {
  const { shape, pointer, isRequired = false, form } = props;
  const name = pointer.split('/').at(-1) ?? '';
  const label =
    labels[pointer] ?? name.replace(/_mib$/, ', MiB').replace(/_s$/, ', s').replaceAll('_', ' ');
  const kind = kindOf(shape);
  const id = `f${pointer.replaceAll('/', '-')}`;
  if (kind === 'group') {
    const inner = groupOf(shape) ?? {};
    // Of several rules each has a number, and no field of its own.
    const numbered = new RegExp(`^${pointer}(/\\d+(/.*)?)?$`);
    const own = form.violations.filter(({ field }) => numbered.test(field));
    return (
      <fieldset className="group">
        <legend title={shape.description}>{label}</legend>
        <Said violations={own} id={`${id}-said`} />
        {groupsLast(inner.properties ?? {}).map(([key, each]) => (
          <Field key={key} shape={each} pointer={`${pointer}/${key}`} form={form} />
        ))}
        <More pointer={pointer} form={form} />
      </fieldset>
    );
  }
  const own = form.violations.filter(
    ({ field }) => field === pointer || field.startsWith(`${pointer}/`),
  );
  const text = form.texts[pointer] ?? '';
  const common = {
    id,
    'aria-invalid': own.length > 0,
    'aria-describedby': `${id}-help ${id}-said`,
    'aria-required': isRequired,
  };
  const change = (event: { target: { value: string } }): void =>
    form.set(pointer, event.target.value);
  const placeholder = examples[pointer] ?? '';
  let control: ReactNode;
  if (kind === 'choice') {
    control = (
      <select className="field" value={text} onChange={change} {...common}>
        <option value="">–</option>
        {shape.enum?.map((value) => (
          <option key={value}>{value}</option>
        ))}
      </select>
    );
  } else if (kind === 'flag') {
    control = (
      <input
        type="checkbox"
        checked={text === 'on'}
        onChange={(event) => form.set(pointer, event.target.checked ? 'on' : '')}
        {...common}
      />
    );
  } else if (kind === 'pairs' || kind === 'json' || pointer === '/command') {
    control = (
      <textarea
        className="field mono"
        rows={kind === 'json' ? 1 : 2}
        spellCheck={false}
        value={text}
        placeholder={placeholder}
        onChange={change}
        {...common}
      />
    );
  } else {
    control = (
      <input
        className={kind === 'words' || pointer === '/cwd' ? 'field mono' : 'field'}
        inputMode={kind === 'number' ? 'decimal' : 'text'}
        spellCheck={false}
        autoComplete="off"
        value={text}
        placeholder={placeholder}
        onChange={change}
        {...common}
      />
    );
  }
  return (
    <div className={`form-field kind-${kind}`} data-field={pointer}>
      <label htmlFor={id}>{label}</label>
      <div>
        {control}
        <Said violations={own} id={`${id}-said`} />
        <p className="help quiet" id={`${id}-help`}>
          {helpOf(shape, kind)}
        </p>
      </div>
    </div>
  );
}

/** Rules beyond the one with fields, which come from the run that this one is like: kept, or left out. */
function More({ pointer, form }: { pointer: string; form: Form }) {
  const more = moreOf(form.texts, pointer);
  if (more.length === 0) return null;
  return (
    <div className="form-field">
      <span>and</span>
      <div>
        <ul aria-label="further rules">
          {more.map((rule, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: they are never put into another order
            <li key={index} className="mono">
              {JSON.stringify(rule)}
            </li>
          ))}
        </ul>
        <button type="button" className="button" onClick={() => form.set(morePointer(pointer), '')}>
          Leave {more.length === 1 ? 'it' : 'them'} out
        </button>
      </div>
    </div>
  );
}

/** Groups are large: what is a field comes before them. */
function groupsLast(properties: Readonly<Record<string, Shape>>): [string, Shape][] {
  const isGroup = (shape: Shape): number => Number(kindOf(shape) === 'group');
  return Object.entries(properties).sort(([, a], [, b]) => isGroup(a) - isGroup(b));
}

function helpOf({ description = '', minimum, maximum }: Shape, kind: string): string {
  const how = {
    pairs: 'NAME=value, one a line.',
    json: 'As JSON.',
    words: 'Words as in a shell; nothing is expanded.',
  };
  const range = minimum !== undefined && maximum !== undefined ? `${minimum} to ${maximum}.` : '';
  return [description, how[kind as keyof typeof how] ?? '', range]
    .filter((part) => part !== '')
    .join(' ');
}

function Said({ violations, id }: { violations: readonly Violation[]; id: string }) {
  return (
    <div id={id}>
      {violations.map(({ field, rule, hint }) => (
        <p key={`${field} ${rule}`} className="said">
          <span className="state" data-status="failed">
            ✗ {rule}
          </span>
          {hint === '' ? '' : `; ${hint}`}
        </p>
      ))}
    </div>
  );
}
