/** A form made from the schema of a run, which says as one types what would become of it. */
import { useEffect, useMemo, useRef, useState } from 'react';
import { useLocation } from 'wouter';
import { useMayAct } from '../../acts/acts.ts';
import { ask, errorText } from '../../data/api.ts';
import { useQuery } from '../../data/query.ts';
import { useKeys } from '../../keys/keys.ts';
import { note } from '../../ui/notes.tsx';
import { useTitle } from '../../ui/title.ts';
import { Field, type Form } from './field.tsx';
import { Preflight } from './preflight.tsx';
import { configOf, kindOf, type Shape, type Texts, textsOf } from './shape.ts';
import { failed, type Plan, usePlan } from './use-plan.ts';
import './submit.css';

/** What most people need, in this order; the rest comes under "more". */
const first = [
  'command',
  'cwd',
  'name',
  'project',
  'gpus',
  'priority',
  'preset',
  'env',
  'retry',
  'stop_when',
];
/** Said by clients, not by people. */
const never = ['version', 'code'];

export function SubmitPage() {
  const [query] = useQuery();
  const like = query.get('like') ?? '';
  useTitle('Submit');
  const [loaded, setLoaded] = useState<{ schema: Shape; texts: Texts } | null>(null);
  const [error, setError] = useState('');
  useEffect(() => {
    const controller = new AbortController();
    load(like, controller.signal).then(setLoaded, (failure) => {
      if (!controller.signal.aborted) setError(errorText(failure));
    });
    return () => controller.abort();
  }, [like]);
  if (error !== '') {
    return (
      <div className="empty">
        <h1>The form could not be loaded</h1>
        <p className="trouble">{error}</p>
      </div>
    );
  }
  if (loaded === null) return <p className="empty quiet">loading …</p>;
  return <SubmitForm key={like} schema={loaded.schema} begin={loaded.texts} like={like} />;
}

async function load(like: string, signal: AbortSignal): Promise<{ schema: Shape; texts: Texts }> {
  const params = { name: 'train-run-config.v1' };
  const schema: Shape = await ask('GET /api/schemas/:name', { params, signal });
  if (like === '') return { schema, texts: {} };
  const { config_json: text } = await ask('GET /api/runs/:run', { params: { run: like }, signal });
  return { schema, texts: textsOf(schema, '', JSON.parse(text)) };
}

function SubmitForm({ schema, begin, like }: { schema: Shape; begin: Texts; like: string }) {
  const [texts, setTexts] = useState<Texts>(begin);
  const [refused, setRefused] = useState<{ of: string; plan: Plan } | null>(null);
  const [isSending, setSending] = useState(false);
  const [, navigate] = useLocation();
  const mayAct = useMayAct();
  const form = useRef<HTMLFormElement>(null);
  /** The same submit again is the same run, whatever became of the first answer. */
  const key = useRef({ of: '', key: '' });
  const config = useMemo(() => {
    const value = configOf(schema, '', texts);
    return value === undefined ? '' : JSON.stringify(value, null, 2);
  }, [schema, texts]);
  const planned = usePlan(config);
  const plan = refused?.of === config ? refused.plan : planned;
  const violations = plan.state === 'invalid' ? plan.violations : [];
  const shown: Form = {
    texts,
    violations,
    set: (pointer, text) => setTexts((before) => ({ ...before, [pointer]: text })),
  };
  const submit = async (): Promise<void> => {
    if (isSending || config === '' || !mayAct) return;
    if (key.current.of !== config) key.current = { of: config, key: crypto.randomUUID() };
    setSending(true);
    try {
      const body = { config: JSON.parse(config) as object, key: key.current.key };
      const { run_id: id } = await ask('POST /api/runs', { body });
      navigate(`/run/${id}`);
    } catch (error) {
      const said = failed(error);
      setRefused({ of: config, plan: said });
      if (said.state !== 'invalid') note(errorText(error), true);
      else focusOn(form.current, said.violations[0]?.field ?? '');
      setSending(false);
    }
  };
  useKeys([
    {
      keys: 'i',
      label: 'to the command',
      run: () => document.getElementById('f-command')?.focus(),
    },
  ]);
  const { properties = {}, required = [] } = schema;
  const rest = Object.keys(properties)
    .filter((name) => ![...first, ...never].includes(name))
    // Groups last: they are large.
    .sort(
      (a, b) =>
        Number(kindOf(properties[a] ?? {}) === 'group') -
        Number(kindOf(properties[b] ?? {}) === 'group'),
    );
  const fields = (names: readonly string[]) =>
    names.flatMap((name) => {
      const shape = properties[name];
      if (shape === undefined) return [];
      const isRequired = required.includes(name);
      return [
        <Field
          key={name}
          shape={shape}
          pointer={`/${name}`}
          isRequired={isRequired}
          form={shown}
        />,
      ];
    });
  const isUnseen = rest.some((name) =>
    violations.some(({ field }) => field === `/${name}` || field.startsWith(`/${name}/`)),
  );
  const [isMore, setMore] = useState(() =>
    rest.some((name) => Object.keys(begin).some((pointer) => pointer.startsWith(`/${name}`))),
  );
  return (
    <form
      className="submit"
      ref={form}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void submit();
      }}
    >
      <div className="form">
        <div className="row">
          <h1>{like === '' ? 'Submit a run' : `Submit a run like ${like}`}</h1>
        </div>
        <div className="fields">{fields(first)}</div>
        <details open={isMore || isUnseen} onToggle={(event) => setMore(event.currentTarget.open)}>
          <summary>More</summary>
          <div className="fields">{fields(rest)}</div>
        </details>
      </div>
      <aside className="preflight" aria-label="what would become of it">
        <Preflight plan={plan} config={config} properties={properties} />
        <div className="row">
          <button
            type="submit"
            className="button main"
            disabled={!mayAct || isSending || config === ''}
            title={mayAct ? 'ctrl and enter' : 'this session may look and change nothing'}
          >
            {isSending ? 'Submitting …' : 'Submit'}
          </button>
          <span className="quiet">
            {mayAct ? (
              <>
                <kbd>ctrl</kbd> <kbd>↵</kbd>
              </>
            ) : (
              'A viewer may look and change nothing: runyard console makes an operator’s link.'
            )}
          </span>
        </div>
      </aside>
    </form>
  );
}

function focusOn(form: HTMLFormElement | null, field: string): void {
  for (let pointer = field; pointer !== ''; pointer = pointer.slice(0, pointer.lastIndexOf('/'))) {
    const found = form?.querySelector<HTMLElement>(`[data-field="${CSS.escape(pointer)}"] .field`);
    if (found instanceof HTMLElement) {
      found.focus();
      return;
    }
  }
}
