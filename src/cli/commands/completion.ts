/** `runyard completion bash|zsh|fish`: a script for the shell to source. */
import type { Command } from 'commander';
import { type Context, usage } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';

export function completion(context: Context, shell: string, program: Command): number {
  const script = { bash, zsh, fish }[shell];
  if (script === undefined) throw usage('shell', `must be bash, zsh or fish, not "${shell}"`);
  context.terminal.print(script(commandsOf(program)).trimEnd());
  return exitCodes.ok;
}

type Known = { name: string; about: string; options: string[]; takesRun: boolean };

function commandsOf(program: Command): Known[] {
  return program
    .createHelp()
    .visibleCommands(program)
    .map((command) => ({
      name: command.name(),
      about: command.description(),
      options: command.options.flatMap(({ long }) => (long ? [long] : [])),
      takesRun: command.registeredArguments.some((argument) => argument.name() === 'run'),
    }));
}

/** Ids of runs, for completion: without a daemon there are none, silently. */
const runIds = 'runyard ls -a -n 50 2>/dev/null </dev/null | cut -f1';

function bash(commands: readonly Known[]): string {
  const cases = commands.map(({ name, options, takesRun }) => {
    const words = takesRun ? `${options.join(' ')} @last $(${runIds})` : options.join(' ');
    return `    ${name}) words="${words}" ;;`;
  });
  return `_runyard() {
  local word="\${COMP_WORDS[COMP_CWORD]}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${commands.map(({ name }) => name).join(' ')}"
  else case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _runyard runyard`;
}

function zsh(commands: readonly Known[]): string {
  const quote = (text: string): string => text.replaceAll("'", "'\\''").replaceAll(':', '\\:');
  const cases = commands.map(({ name, options, takesRun }) => {
    const runs = takesRun ? ` @last $(${runIds})` : '';
    return `    ${name}) compadd -- ${options.join(' ')}${runs}; _files ;;`;
  });
  return `#compdef runyard
_runyard() {
  if (( CURRENT == 2 )); then
    local -a commands=(
${commands.map(({ name, about }) => `      '${name}:${quote(about)}'`).join('\n')}
    )
    _describe command commands
    return
  fi
  case $words[2] in
${cases.join('\n')}
  esac
}
compdef _runyard runyard`;
}

function fish(commands: readonly Known[]): string {
  const lines = commands.flatMap(({ name, about, options, takesRun }) => [
    `complete -c runyard -n __fish_use_subcommand -f -a ${name} -d '${about.replaceAll("'", "\\'")}'`,
    ...options.map(
      (option) =>
        `complete -c runyard -n '__fish_seen_subcommand_from ${name}' -l ${option.slice(2)}`,
    ),
    ...(takesRun
      ? [`complete -c runyard -n '__fish_seen_subcommand_from ${name}' -f -a '@last (${runIds})'`]
      : []),
  ]);
  return lines.join('\n');
}
