#!/usr/bin/env node
/**
 * The `contrastive` program, behind the one thing that must come first: libuv reads the size of its pool at the first use,
 * which the loading of ES modules is. Images are decoded on it, one a core, and two threads are left to others.
 */
const { availableParallelism } = process.getBuiltinModule('node:os');
process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, availableParallelism() + 2));
void import('./main.ts');
