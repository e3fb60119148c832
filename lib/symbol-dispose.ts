/**
 * `Symbol.dispose` and `Symbol.asyncDispose` in a realm that lacks them: Node 20 gives them to its main realm only, and a vm
 * context, in which test runners run code, has none. They are the main realm's own.
 */
for (const name of ['dispose', 'asyncDispose'] as const)
  if (Symbol[name] === undefined) Object.defineProperty(Symbol, name, { value: Symbol.for(`nodejs.${name}`) });
