// The package's own search for libtorch and its installer, from the TypeScript sources where tsx is there (a checkout, in
// which dist/ may not exist yet), else from dist/ (an installed package).
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { interruptible, root, StepError } from './steps.mjs';
import { hasPip, pythonHint } from './tools.mjs';

/** A module of lib/, by its path there without the ending. */
export async function load(name) {
  if (existsSync(join(root, 'node_modules/tsx'))) {
    const { tsImport } = await import('tsx/esm/api');
    return tsImport(`../lib/${name}.ts`, import.meta.url);
  }
  return import(new URL(`../dist/${name}.js`, import.meta.url).href);
}

/** Those of the variables that decide which libtorch is used that are set; a build made under others is not current. */
export function libtorchVariables() {
  const names = [
    'CONTRASTIVE_LIBTORCH',
    'LIBTORCH',
    'CONTRASTIVE_USE_PYTORCH',
    'CONTRASTIVE_CACHE',
    'XDG_CACHE_HOME',
    'HOME',
    'LOCALAPPDATA',
  ];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

/** The folder of the libtorch with headers that a build takes as things are; undefined where it would install one. */
export async function chosenLibtorch() {
  const { resolveLibtorch } = await load('native/libtorch');
  return resolveLibtorch({ headers: true }).libtorch?.root;
}

/**
 * A libtorch with headers, installed into the user's cache when there is none. An explicit choice that cannot be used
 * is an error, not a reason to install another.
 */
export async function obtainLibtorch(at) {
  const { resolveLibtorch } = await load('native/libtorch');
  const { libtorch, blocked } = resolveLibtorch({ headers: true });
  if (libtorch !== undefined) return { libtorch, installed: false };
  if (blocked !== undefined)
    throw new StepError(`libtorch as chosen by ${blocked.source} cannot be used: ${blocked.refused}`);

  const { installLibtorch } = await load('native/libtorch-install');
  let shown = 0;
  const onProgress = ({ stage, detail, bytes }) => {
    if (performance.now() - shown < 100) return;
    shown = performance.now();
    at(`${stage}${bytes === undefined ? '' : ` ${Math.round(bytes / 1e6)} MB`}: ${detail}`);
  };
  try {
    return { libtorch: await interruptible((signal) => installLibtorch({ onProgress, signal })), installed: true };
  } catch (error) {
    const advice = hasPip() ? '' : `\npython3 with pip is missing (${pythonHint})`;
    throw new StepError(`${error.message}${advice}`);
  }
}
