// What the set-up needs from the machine, and how to install what is missing. Node's own modules only.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, StepError } from './steps.mjs';

/** The first line that `program args` prints, or undefined when it cannot be run. */
export function probe(program, ...args) {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split('\n')[0]
      .trim();
  } catch {
    return undefined;
  }
}

function versionOf(text) {
  return /(\d+(?:\.\d+)*)/
    .exec(text ?? '')?.[1]
    ?.split('.')
    .map(Number);
}

function atLeast(version, minimum) {
  for (const [i, wanted] of minimum.entries()) if ((version?.[i] ?? 0) !== wanted) return (version?.[i] ?? 0) > wanted;
  return true;
}

/** The C++ compiler that CMake will take, with its version; clang's and gcc's numbers mean different things. */
function compiler() {
  for (const program of [process.env.CXX, 'c++', 'g++', 'clang++'].filter(Boolean)) {
    const line = probe(program, '--version');
    if (line === undefined) continue;
    const version = versionOf(line.replace(/^.*?(?=\d+\.\d+)/, ''));
    return { program, line, new: atLeast(version, /clang/i.test(line) ? [14] : [11]) };
  }
  return undefined;
}

const compilerHint =
  'Debian/Ubuntu: apt install g++; Fedora: dnf install gcc-c++; macOS: xcode-select --install; ' +
  'Windows: winget install Microsoft.VisualStudio.2022.BuildTools, workload "Desktop development with C++"';
const cmakeHint =
  'Debian/Ubuntu: apt install cmake; Fedora: dnf install cmake; macOS: brew install cmake; Windows: winget install Kitware.CMake';
const makeHint = 'Debian/Ubuntu: apt install ninja-build; Fedora: dnf install ninja-build; macOS: brew install ninja';
export const pythonHint =
  'Debian/Ubuntu: apt install python3-pip; Fedora: dnf install python3-pip; macOS: brew install python; ' +
  'Windows: winget install Python.Python.3.12';

/** Visual Studio's compiler, by the tool that its installer leaves at this place; Microsoft's documentation of vswhere. */
function visualStudio() {
  const installer = join(process.env['ProgramFiles(x86)'] ?? '', 'Microsoft Visual Studio/Installer/vswhere.exe');
  const tools = 'Microsoft.VisualStudio.Component.VC.Tools.x86.x64';
  const line = probe(installer, '-latest', '-products', '*', '-requires', tools, '-property', 'installationVersion');
  return line ? { program: 'Visual Studio', line, new: atLeast(versionOf(line), [17]) } : undefined;
}

/** Names everything that is missing or too old, each with what to install. */
export function checkTools() {
  const problems = [];
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  if (!atLeast(versionOf(process.version), versionOf(engines.node)))
    problems.push(`Node ${engines.node} is needed, this is ${process.version} (https://nodejs.org)`);

  const cxx = process.platform === 'win32' ? visualStudio() : compiler();
  const wanted = process.platform === 'win32' ? 'Visual Studio 2022' : 'gcc 11 or clang 14';
  if (cxx === undefined) problems.push(`a C++ compiler is needed (${compilerHint})`);
  else if (!cxx.new) problems.push(`a C++20 compiler is needed, ${wanted}; ${cxx.program} is ${cxx.line}`);

  const cmake = versionOf(probe('cmake', '--version'));
  if (cmake === undefined) problems.push(`CMake is needed (${cmakeHint})`);
  else if (!atLeast(cmake, [3, 20])) problems.push(`CMake 3.20 is needed, this is ${cmake.join('.')} (${cmakeHint})`);

  if (process.platform !== 'win32' && !probe('ninja', '--version') && !probe('make', '--version'))
    problems.push(`Ninja or make is needed (${makeHint})`);
  if (problems.length > 0)
    throw new StepError(`The set-up cannot start:\n${problems.map((p) => `  - ${p}`).join('\n')}`);
}

/** True when the pip that obtains libtorch is there; as lib/native/python.ts looks for it, which cannot be imported yet. */
export const hasPip = () => {
  const commands = process.platform === 'win32' ? [['python'], ['py', '-3']] : [['python3']];
  return commands.some((command) => probe(...command, '-m', 'pip', '--version') !== undefined);
};
