/** Whether what an alert waits for is so, as /metrics tells it; how long it has to be so is for Prometheus. */
import path from 'node:path';
import { execa } from 'execa';
import { alerts } from '../../scripts/observability/alerts.ts';

/** A condition about one figure, of the kinds that the health alerts are made of. */
type Condition = { kind: 'down' } | { kind: 'above zero'; figure: string; labels: string };

export type Scrape = {
  /** Where it is, and the file of the token. */
  address: string;
  home: string;
  /** Put before the command that asks. */
  within: readonly string[];
};

const askMs = 5000;
const asking = `const [url, file] = process.argv.slice(1);
const token = require('node:fs').readFileSync(file, 'utf8').trim();
const headers = { authorization: 'Bearer ' + token };
fetch(url, { headers }).then((r) => r.ok ? r.text() : process.exit(1)).then((t) => process.stdout.write(t));`;

/** Whether one of these alerts would begin to wait now; null: none of them is about a single figure. */
export async function isAlerted(names: readonly string[], scrape: Scrape): Promise<boolean | null> {
  const conditions = names.flatMap((name) => conditionsOf(exprOf(name)));
  if (conditions.length === 0) return null;
  const text = await figures(scrape);
  return conditions.some((each) =>
    text === null ? each.kind === 'down' : each.kind !== 'down' && isAboveZero(each, text),
  );
}

/** Those parts of an expression that are about one figure. */
export function conditionsOf(expr: string): Condition[] {
  if (/^up\{[^}]*\} == 0$/.test(expr)) return [{ kind: 'down' }];
  return [...expr.matchAll(/\b(runyard_health_reasons)\{([^}]*)\} > 0/g)].map(
    ([, figure = '', labels = '']) => ({ kind: 'above zero', figure, labels }),
  );
}

function exprOf(name: string): string {
  const alert = alerts.find((each) => each.name === name);
  if (alert === undefined) throw new Error(`there is no alert ${name}`);
  return alert.expr;
}

/** Null: nobody answers. */
async function figures({ address, home, within }: Scrape): Promise<string | null> {
  const url = `http://${address}/metrics`;
  const words = [...within, process.execPath, '-e', asking, url, path.join(home, 'scrape.token')];
  const [program = '', ...args] = words;
  const { failed, stdout } = await execa(program, args, { reject: false, timeout: askMs });
  return failed ? null : stdout;
}

function isAboveZero({ figure, labels }: Extract<Condition, { figure: string }>, text: string) {
  return text.split('\n').some((line) => {
    const [, name, found = '', value] = /^(\w+)\{(.*)\} (\S+)$/.exec(line) ?? [];
    return name === figure && found.includes(labels) && Number(value) > 0;
  });
}
