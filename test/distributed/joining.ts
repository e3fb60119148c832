/** A process of a group that joins it, and prints what became of that. */
import { barrier, destroyProcessGroup, initProcessGroup } from '../../lib/distributed/group.ts';

let error: unknown = null;
try {
  await initProcessGroup(JSON.parse(process.argv[2] as string));
  await barrier();
  await destroyProcessGroup();
} catch (caught) {
  const { code, message } = caught as Error & { code?: string };
  error = { code, message };
}
process.stdout.write(JSON.stringify(error));
