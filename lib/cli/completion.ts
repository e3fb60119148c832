/** `contrastive completion`: a script that teaches a shell the commands, their options and what these take. */
import { clip } from '../validate.ts';
import { type Command, defineCommand, type OptionSpec, type OptionTable } from './command.ts';
import { flagOf, globalOptions } from './options.ts';

/** A command with all its flags. */
interface Known {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly (readonly [flag: string, spec: OptionSpec])[];
}

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript };
const shells = Object.keys(scripts) as readonly (keyof typeof scripts)[];

export const command = defineCommand({
  name: 'completion',
  summary: 'print a script that lets bash, zsh or fish complete commands and options',
  places: ['shell'],
  help: `
Prints a script for the shell. It is made from the commands as they are: after an update, make it again.

It completes the word "contrastive". Where the program is called by npx, alias contrastive='npx contrastive' gives it that name.`,
  examples: [
    { run: 'contrastive completion bash >> ~/.bashrc', explains: 'bash; in zsh, completion zsh >> ~/.zshrc.' },
    { run: 'contrastive completion fish > ~/.config/fish/completions/contrastive.fish', explains: 'fish.' },
  ],
  options: { shell: { type: 'string', value: 'NAME', choices: shells, required: true, help: shells.join(', ') } },
  async run({ options: { shell }, commands, output }) {
    const loaded = await Promise.all(Object.values(commands).map((load) => load()));
    const script = scripts[shell](await Promise.all(loaded.map((module) => known(module.command))));
    output.print(script);
    output.emit({ shell, script });
  },
});

async function known({ name, summary, options, derived }: Command): Promise<Known> {
  const table: OptionTable = { ...options, ...(await derived?.([])), ...globalOptions };
  return {
    name,
    summary,
    flags: Object.entries(table).map(([option, spec]) => [`--${flagOf(option)}`, spec] as const),
  };
}

const choicesOf = (spec: OptionSpec): readonly string[] =>
  spec.type === 'string' ? (spec.choices ?? spec.completions ?? []) : [];

/** Whether another word than those may be typed, the name of a file say. */
const isOpen = (spec: OptionSpec): boolean => spec.type === 'string' && spec.choices === undefined;

/** Words that begin as the one under the cursor; where there are none, bash completes files. */
const among = (words: readonly string[]): string => `COMPREPLY=($(compgen -W '${words.join(' ')}' -- "$word"))`;

function bashScript(commands: readonly Known[]): string {
  const choices = commands.flatMap(({ name, flags }) =>
    flags.flatMap(([flag, spec]) =>
      choicesOf(spec).length === 0 ? [] : [`    '${name} ${flag}') ${among(choicesOf(spec))}; return ;;`],
    ),
  );
  return `_contrastive() {
  local word="\${COMP_WORDS[COMP_CWORD]}" command="\${COMP_WORDS[1]}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then ${among(commands.map(({ name }) => name))}; return; fi
  case "$command \${COMP_WORDS[COMP_CWORD-1]}" in
${choices.join('\n')}
  esac
  case "$command $word" in
${commands.map(({ name, flags }) => `    '${name} '-*) ${among(flags.map(([flag]) => flag))} ;;`).join('\n')}
  esac
}
complete -o default -F _contrastive contrastive`;
}

function zshScript(commands: readonly Known[]): string {
  return `autoload -U +X bashcompinit && bashcompinit\n${bashScript(commands)}`;
}

const fishWord = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/** What an option takes; with -x nothing but the words, with -r a file too. */
function fishValue(spec: OptionSpec): string {
  if (spec.type === 'boolean') return '';
  const words = choicesOf(spec);
  return words.length === 0 ? ' -r' : ` ${isOpen(spec) ? '-ra' : '-xa'} '${words.join(' ')}'`;
}

function fishScript(commands: readonly Known[]): string {
  return commands
    .flatMap(({ name, summary, flags }) => [
      `complete -c contrastive -n __fish_use_subcommand -a ${name} -d ${fishWord(summary)}`,
      ...flags.map(
        ([flag, spec]) =>
          `complete -c contrastive -n '__fish_seen_subcommand_from ${name}' -l ${flag.slice(2)}${fishValue(spec)} -d ${fishWord(clip(spec.help))}`,
      ),
    ])
    .join('\n');
}
