// Prints what is wrong with manifests, a line each. usage: node manifests.mjs MODULES FILE...
// An object is held against the published type of its apiVersion and kind by TypeScript's compiler, as a literal: then a
// field that the type does not have is an error too, at any depth.
import { createRequire } from 'node:module';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const [modules, ...files] = process.argv.slice(2);
const load = createRequire(modules + '/');
const YAML = load('yaml');
const ts = load('typescript');

// Of an API group the package that has its types.
const PACKAGES = { 'serving.knative.dev': '@kubernetes-models/knative' };

function moduleOf({ apiVersion, kind }) {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  return [PACKAGES[group] ?? 'kubernetes-models', group, version, kind].filter(Boolean).join('/');
}

const problems = [];
const sources = new Map();
for (const file of files) {
  const documents = YAML.parseAllDocuments(readFileSync(file, 'utf8'), { uniqueKeys: true });
  for (const [i, document] of documents.entries()) {
    const where = `${path.basename(file)} document ${i + 1}`;
    for (const error of document.errors) problems.push(`${where}: ${error.message}`);
    const object = document.toJS();
    if (!object?.apiVersion || !object?.kind) {
      problems.push(`${where}: apiVersion or kind is missing`);
      continue;
    }
    const from = moduleOf(object);
    if (!existsSync(`${modules}/node_modules/${from}.d.ts`)) {
      problems.push(`${where}: there is no ${object.kind} in ${object.apiVersion}`);
      continue;
    }
    sources.set(`${modules}/${where.replaceAll(' ', '-')}.ts`,
      `import type { I${object.kind} as T } from "${from}";\nexport const object: T = ${JSON.stringify(object, null, 1)};\n`);
  }
}

const options = { strict: true, noEmit: true, skipLibCheck: true, types: [], module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext, target: ts.ScriptTarget.ES2022 };
const host = ts.createCompilerHost(options);
const { readFile, fileExists, getSourceFile } = host;
host.fileExists = (name) => sources.has(name) || fileExists(name);
host.readFile = (name) => sources.get(name) ?? readFile(name);
host.getSourceFile = (name, language, ...rest) => sources.has(name)
  ? ts.createSourceFile(name, sources.get(name), language) : getSourceFile(name, language, ...rest);
const program = ts.createProgram([...sources.keys()], options, host);
for (const diagnostic of ts.getPreEmitDiagnostics(program)) {
  const { file, start = 0 } = diagnostic;
  const name = file ? path.basename(file.fileName, '.ts') : '';
  const line = file?.text.slice(file.text.lastIndexOf('\n', start) + 1).split('\n', 1)[0].trim();
  problems.push(`${name}: ${line}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ')}`);
}
for (const problem of problems) console.log(problem);
if (sources.size === 0) console.log('no object was checked');
process.exit(problems.length > 0 || sources.size === 0 ? 1 : 0);
