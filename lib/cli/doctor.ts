/** `contrastive doctor`: versions, the libtorch in use and why, devices, threads, and what to do about anything wrong. */
import { type DoctorReport, doctor } from '../native/doctor.ts';
import { defineCommand } from './command.ts';
import { formatBytes, formatTable } from './format.ts';

export const command = defineCommand({
  name: 'doctor',
  summary: 'say what is installed, which libtorch is used and why, and what to do about anything wrong',
  help: `
Looks at everything that the package needs on this machine and loads what is there. It works, and says what is missing, on a machine without libtorch or without the addon.

"libtorch" lists the places that were looked at, in their order, with the reason why one was passed over; the first that can be used is used. "!" marks what keeps the package from working, "i" what could work better.

With --json, one object: ok, versions, platform, libtorch { used, candidates }, addon, cuda, devices, findings.`,
  examples: [
    { run: 'contrastive doctor', explains: 'After installing, or when something does not load.' },
    { run: 'contrastive doctor --json', explains: 'To attach to a bug report.' },
  ],
  options: {},
  async run({ output }) {
    const report = await doctor();
    output.emit(report);
    output.print(describe(report));
  },
});

function bfloat16Text(has: boolean | undefined): string {
  if (has === undefined) return '-';
  return has ? 'in hardware: precision auto measures whether it is faster' : 'emulated: precision auto takes float32';
}

function cudaText(cuda: DoctorReport['cuda'], libtorch: string | undefined): string {
  if (cuda === undefined) return '-';
  return cuda.refused === undefined ? `${cuda.path}, for libtorch ${libtorch}` : `not used: ${cuda.refused}`;
}

function describe({ versions, platform, libtorch, addon, cuda, devices, findings }: DoctorReport): string {
  const limit = platform.memoryLimitBytes === undefined ? '' : `, limited to ${formatBytes(platform.memoryLimitBytes)}`;
  const used = libtorch.used;
  const rows = [
    ['contrastive', versions.contrastive],
    ['Node', `${versions.node}, Node-API ${versions.nodeApi}`],
    ['platform', platform.glibc === undefined ? platform.name : `${platform.name}, glibc ${platform.glibc}`],
    ['CPU', `${platform.cpu}, ${platform.cores} cores${platform.cpuCapability ? `, ${platform.cpuCapability}` : ''}`],
    ['bfloat16', bfloat16Text(platform.bfloat16)],
    ['memory', `${formatBytes(platform.memoryBytes)}${limit}`],
    ['addon', addon.path === undefined ? 'none' : `${addon.path}${addon.loaded ? '' : ' (not loaded)'}`],
    [
      'libtorch',
      used === undefined ? 'none' : `${versions.libtorch ?? used.version ?? 'unknown version'}, ${used.root}`,
    ],
    ['  chosen by', used?.source ?? '-'],
    ['NCCL, graphs', cudaText(cuda, versions.addonCompiledAgainst)],
    ['devices', devices.length === 0 ? '-' : devices.join(', ')],
    ['threads', platform.threads === undefined ? '-' : String(platform.threads)],
  ];
  const passedOver = libtorch.candidates.filter(({ refused }) => refused !== undefined);
  return [
    formatTable(rows),
    '',
    ...(passedOver.length > 0 ? ['Places passed over in the search for libtorch:'] : []),
    ...passedOver.map(({ source, refused }) => `  ${source}: ${refused}`),
    ...(passedOver.length > 0 ? [''] : []),
    ...findings.map(({ level, problem, advice }) => `${level === 'error' ? '!' : 'i'} ${problem}\n    ${advice}`),
    ...(findings.length === 0 ? ['Nothing is wrong.'] : []),
  ].join('\n');
}
