import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { installRuntime, removeRuntime, verifyRuntime } from '../../lib/runtimes/install.ts';
import { RuntimeInstallError } from '../../lib/runtimes/install-error.ts';
import { locateRuntime } from '../../lib/runtimes/locate.ts';
import type { Runtime } from '../../lib/runtimes/manifest.ts';
import type { Progress } from '../../lib/runtimes/progress.ts';
import { corrupt, makeRuntime, makeWheel } from './fake-runtime.ts';

/** What each test gets: wheels of its own, a cache of its own, and pip without any index but the wheels. */
interface Place {
  wheelFolder: string;
  environment: NodeJS.ProcessEnv;
  runtimesFolder: string;
}

function makePlace(folder: string): Place {
  const wheelFolder = join(folder, 'wheels');
  mkdirSync(wheelFolder);
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    XDG_CACHE_HOME: join(folder, 'cache'),
    PIP_CONFIG_FILE: '/dev/null',
    PIP_NO_INDEX: '1',
    PIP_FIND_LINKS: wheelFolder,
  };
  delete environment.TUTTI_RUNTIMES_PATH;
  return { wheelFolder, environment, runtimesFolder: join(folder, 'cache', 'tutti', 'runtimes') };
}

/** Everything in the cache but whole installations: there must be nothing. */
function leftovers(place: Place): string[] {
  if (!existsSync(place.runtimesFolder)) return [];
  return readdirSync(place.runtimesFolder).filter((name) => name.startsWith('.'));
}

function isInstalled(runtime: Runtime, place: Place): boolean {
  return locateRuntime(runtime, { environment: place.environment }) !== undefined;
}

/** Installs, and expects a sentence that matches, and that nothing was left behind. */
async function expectRefusal(
  t: Test,
  runtime: Runtime,
  place: Place,
  sentence: RegExp,
  options: { from?: string } = {},
): Promise<void> {
  const attempt = installRuntime(runtime, { ...options, environment: place.environment });
  const error = await attempt.then(
    () => undefined,
    (error: unknown) => error,
  );
  t.ok(error instanceof RuntimeInstallError, `a sentence, not ${String(error)}`);
  t.match(error instanceof Error ? error.message : '', sentence);
  t.notMatch(error instanceof Error ? error.message : '', /\n|\.$/, 'one sentence, no full stop');
  t.notOk(isInstalled(runtime, place), 'nothing is installed');
  t.strictSame(leftovers(place), [], 'nothing is left');
}

for (const way of ['a folder of wheels', 'pip'] as const) {
  t.test(`installs what the manifest names, from ${way}`, async (t) => {
    const place = makePlace(t.testdir());
    const { environment, wheelFolder } = place;
    const runtime = makeRuntime(wheelFolder);
    const from = way === 'pip' ? undefined : wheelFolder;
    const folder = await installRuntime(runtime, { from, environment });
    t.equal(dirname(folder), place.runtimesFolder);
    const text = (path: string) => readFileSync(join(folder, path), 'utf8');
    t.equal(text('lib/libfake.so'), 'the library\n'.repeat(1000));
    t.equal(text('lib/libhelper.so'), 'helper');
    t.equal(text('include/deep/b.h'), '// b\n');
    t.strictSame(readdirSync(join(folder, 'lib')).sort(), ['libfake.so', 'libhelper.so']);
    t.strictSame(leftovers(place), []);
    t.strictSame(locateRuntime(runtime, { environment }), {
      name: 'fake',
      version: '1.0',
      folder,
      preload: [join(folder, 'lib/libhelper.so'), join(folder, 'lib/libfake.so')],
      environment: {},
      source: 'cache',
    });
    t.strictSame(await verifyRuntime(runtime, environment), []);
  });
}

t.test('does nothing when it is installed already', async (t) => {
  const { environment, wheelFolder } = makePlace(t.testdir());
  const runtime = makeRuntime(wheelFolder);
  const folder = await installRuntime(runtime, { from: wheelFolder, environment });
  const { ino } = statSync(folder);
  rmSync(wheelFolder, { recursive: true });
  t.equal(await installRuntime(runtime, { from: wheelFolder, environment }), folder);
  t.equal(statSync(folder).ino, ino);
});

t.test('tells how far it is, up to all of it', async (t) => {
  const { environment, wheelFolder } = makePlace(t.testdir());
  const runtime = makeRuntime(wheelFolder);
  const told: Array<[string, number]> = [];
  let title = '';
  const progress: Progress = {
    begin(nextTitle) {
      title = nextTitle;
    },
    at(byteCount) {
      told.push([title, byteCount]);
    },
    end() {},
  };
  await installRuntime(runtime, { environment, progress });
  const last = (wanted: string) => told.filter(([title]) => title === wanted).at(-1)?.[1];
  const allBytes = runtime.wheels.reduce((sum, wheel) => sum + wheel.downloadBytes, 0);
  t.equal(last('Downloading Fake 1.0'), allBytes);
  t.equal(last('Unpacking Fake 1.0'), runtime.unpackedBytes);
});

t.test('installs once when two do it at the same time', async (t) => {
  const place = makePlace(t.testdir());
  const runtime = makeRuntime(place.wheelFolder);
  const options = { from: place.wheelFolder, environment: place.environment };
  const [first, second] = await Promise.all([
    installRuntime(runtime, options),
    installRuntime(runtime, options),
  ]);
  t.equal(first, second);
  t.strictSame(await verifyRuntime(runtime, place.environment), []);
  t.strictSame(leftovers(place), []);
});

const compiler = spawnSync('gcc', ['--version']).status === 0;
t.test(
  'makes the stub library that brings the others',
  { skip: !compiler && 'gcc is not installed' },
  async (t) => {
    const folder = t.testdir({ 'a.c': 'int answer(void) { return 42; }\n' });
    const { environment, wheelFolder } = makePlace(folder);
    execFileSync('gcc', ['-shared', '-fPIC', '-o', 'liba.so', '-Wl,-soname,liba.so', 'a.c'], {
      cwd: folder,
    });
    // A wheel with a real library: bytes pass the helper as latin1 text would not, so Python adds it.
    const wheel = makeWheel(wheelFolder, 'tuttistub', {}, [
      { from: 'x/liba.so', to: 'lib/liba.so' },
    ]);
    const path = join(wheelFolder, wheel.fileName);
    const script =
      'import sys, zipfile; zipfile.ZipFile(sys.argv[1], "a").write(sys.argv[2], "x/liba.so")';
    execFileSync('python3', ['-c', script, path, join(folder, 'liba.so')]);
    const sha256 = execFileSync('sha256sum', [path], { encoding: 'utf8' }).slice(0, 64);
    const runtime = makeRuntime(wheelFolder, {
      wheels: [{ ...wheel, sha256 }],
      stub: { path: 'lib/libstub.so', needs: ['lib/liba.so'] },
      preload: ['lib/libstub.so'],
    });
    const installed = await installRuntime(runtime, { from: wheelFolder, environment });
    const dynamic = execFileSync('readelf', ['-d', join(installed, 'lib/libstub.so')], {
      encoding: 'utf8',
    });
    t.match(dynamic, /NEEDED.*\[liba\.so\]/);
    t.match(dynamic, /SONAME.*\[libstub\.so\]/);
    t.match(dynamic, /\(RPATH\).*\[\$ORIGIN\]/, 'which LD_LIBRARY_PATH does not override');
    t.notMatch(dynamic, /libc\.so/);
    const load = 'import ctypes, sys; print(ctypes.CDLL(sys.argv[1]).answer())';
    const answer = execFileSync('python3', ['-c', load, join(installed, 'lib/libstub.so')]);
    t.equal(answer.toString().trim(), '42');
    const withoutCompiler = {
      ...environment,
      XDG_CACHE_HOME: join(folder, 'other'),
      CC: '/no/such/cc',
    };
    await t.rejects(
      installRuntime(runtime, { from: wheelFolder, environment: withoutCompiler }),
      /^Fake 1\.0 needs a C compiler/,
    );
  },
);

t.test('refuses', async (t) => {
  t.test('a damaged wheel in a folder', async (t) => {
    const place = makePlace(t.testdir());
    const runtime = makeRuntime(place.wheelFolder);
    const fileName = runtime.wheels[1]?.fileName ?? '';
    corrupt(join(place.wheelFolder, fileName));
    const sentence =
      /^tuttifakehelper-1\.0.*has SHA-256 [0-9a-f]{64}, wanted [0-9a-f]{64}: .*fetch it/;
    await expectRefusal(t, runtime, place, sentence, { from: place.wheelFolder });
  });

  t.test('another release of a wheel from the index', async (t) => {
    const place = makePlace(t.testdir());
    const runtime = makeRuntime(place.wheelFolder);
    makeWheel(place.wheelFolder, 'tuttifakehelper', { 'helper/libhelper.so': 'another' }, []);
    await expectRefusal(t, runtime, place, /tuttifakehelper has SHA-256 [0-9a-f]{64}, wanted/);
  });

  t.test('a wheel that is not in the folder', async (t) => {
    const place = makePlace(t.testdir());
    const runtime = makeRuntime(place.wheelFolder);
    rmSync(join(place.wheelFolder, runtime.wheels[0]?.fileName ?? ''));
    const sentence = /wheels has no tuttifake-1\.0.*: copy it there/;
    await expectRefusal(t, runtime, place, sentence, { from: place.wheelFolder });
  });

  t.test('a wheel without a piece that the manifest names', async (t) => {
    const place = makePlace(t.testdir());
    const wheel = makeWheel(place.wheelFolder, 'tuttiother', { 'fake/a': 'a' }, [
      { from: 'fake/a', to: 'a' },
      { from: 'fake/b', to: 'b' },
    ]);
    const runtime = makeRuntime(place.wheelFolder, { wheels: [wheel] });
    await expectRefusal(t, runtime, place, /has no fake\/b/, { from: place.wheelFolder });
  });

  t.test('a wheel that is no zip file', async (t) => {
    const place = makePlace(t.testdir());
    const runtime = makeRuntime(place.wheelFolder);
    const [wheel] = runtime.wheels;
    if (!wheel) throw new Error('the fake runtime has no wheel');
    writeFileSync(join(place.wheelFolder, wheel.fileName), 'not a zip file');
    const sha256 = execFileSync('sha256sum', [join(place.wheelFolder, wheel.fileName)]);
    const wheels = [{ ...wheel, sha256: sha256.toString().slice(0, 64) }];
    const sentence = /cannot be unpacked .*delete it and fetch it again/;
    await expectRefusal(t, { ...runtime, wheels }, place, sentence, { from: place.wheelFolder });
  });

  t.test('to do without a network', async (t) => {
    const place = makePlace(t.testdir());
    const runtime = makeRuntime(place.wheelFolder);
    delete place.environment.PIP_NO_INDEX;
    delete place.environment.PIP_FIND_LINKS;
    // Port 9 of the loopback interface: discard, which nobody serves.
    place.environment.PIP_INDEX_URL = 'http://127.0.0.1:9/simple';
    const sentence =
      /^Fake 1\.0 could not be downloaded because pip reaches no package index .*--from/;
    await expectRefusal(t, runtime, place, sentence);
  });

  t.test('a release that the index does not have', async (t) => {
    const place = makePlace(t.testdir());
    const runtime = makeRuntime(place.wheelFolder);
    rmSync(join(place.wheelFolder, runtime.wheels[0]?.fileName ?? ''));
    await expectRefusal(t, runtime, place, /^Fake 1\.0 is not in the package index/);
  });

  t.test('to do without Python', async (t) => {
    const place = makePlace(t.testdir({ empty: {} }));
    const runtime = makeRuntime(place.wheelFolder);
    place.environment.PATH = join(t.testdirName, 'empty');
    await expectRefusal(t, runtime, place, /there is no python3 here.*apt-get install python3-pip/);
  });

  t.test('a Python with neither pip nor venv', async (t) => {
    const place = makePlace(t.testdir());
    const runtime = makeRuntime(place.wheelFolder);
    const programs = join(t.testdirName, 'programs');
    mkdirSync(programs);
    const script = '#!/bin/sh\necho "No module named pip" >&2\nexit 1\n';
    writeFileSync(join(programs, 'python3'), script, { mode: 0o755 });
    place.environment.PATH = `${programs}:${place.environment.PATH}`;
    await expectRefusal(t, runtime, place, /neither pip nor venv: apt-get install python3-pip/);
  });

  t.test('a cache that cannot be written', async (t) => {
    const place = makePlace(t.testdir({ cache: 'a file where the folder should be' }));
    const runtime = makeRuntime(place.wheelFolder);
    const sentence = /^the cache folder .* cannot be written \(ENOTDIR\): .*XDG_CACHE_HOME/;
    await expectRefusal(t, runtime, { ...place, runtimesFolder: '/nowhere' }, sentence, {
      from: place.wheelFolder,
    });
  });

  t.test('a disk with too little space, before it downloads', async (t) => {
    const place = makePlace(t.testdir());
    const runtime = makeRuntime(place.wheelFolder, { unpackedBytes: 2 ** 60 });
    const sentence = /needs \d+ MB of free space and has \d+ MB: free some/;
    await expectRefusal(t, runtime, place, sentence, { from: place.wheelFolder });
  });

  t.test('a platform that the wheels are not for', async (t) => {
    const place = makePlace(t.testdir());
    const runtime = makeRuntime(place.wheelFolder, { glibcMin: '99.0' });
    const sentence = /pinned for glibc 99\.0 or newer and this is glibc .*TUTTI_RUNTIMES_PATH/;
    await expectRefusal(t, runtime, place, sentence, { from: place.wheelFolder });
  });
});

/**
 * Calls `act` with a small file system mounted on `folder`. Not by `teardown`: tap removes a test's
 * folder before it, and cannot while something is mounted there.
 * @returns The reason if there is none to be had.
 */
async function withSmallDisk(
  folder: string,
  options: string,
  act: () => Promise<void>,
): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'needs root, to mount a small disk';
  mkdirSync(folder, { recursive: true });
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tutti-test', folder]);
  if (mounted.status !== 0) return 'this machine does not let us mount a small disk';
  try {
    await act();
  } finally {
    spawnSync('umount', [folder]);
  }
  return undefined;
}

for (const way of ['a folder of wheels', 'pip'] as const) {
  t.test(`says so when the disk is full in the middle, from ${way}`, async (t) => {
    const place = makePlace(t.testdir());
    const random = execFileSync('head', ['-c', '600000', '/dev/urandom']).toString('base64');
    const files = { 'fake/a': random, 'fake/b': 'b' };
    const keep = [{ from: 'fake/', to: 'lib/' }];
    const wheel = makeWheel(place.wheelFolder, 'tuttilarge', files, keep);
    // The manifest is wrong about the sizes, so that the check before does not see it.
    const wheels = [{ ...wheel, downloadBytes: 1 }];
    const runtime = makeRuntime(place.wheelFolder, { wheels, unpackedBytes: 1 });
    const options = way === 'pip' ? {} : { from: place.wheelFolder };
    const cache = place.environment.XDG_CACHE_HOME ?? '';
    const reason = await withSmallDisk(cache, 'size=256k', () =>
      expectRefusal(t, runtime, place, /^the disk of .* is full: free some space/, options),
    );
    if (reason !== undefined) t.pass('a small disk', { skip: reason });
  });
}

t.test('says so when the cache is on a disk that is read only', async (t) => {
  const place = makePlace(t.testdir());
  const runtime = makeRuntime(place.wheelFolder);
  // Node says ENOENT where the parent of a folder to be made cannot be made.
  const sentence = /^the cache folder .* cannot be written \((?:EROFS|ENOENT)\)/;
  const reason = await withSmallDisk(place.environment.XDG_CACHE_HOME ?? '', 'ro', () =>
    expectRefusal(t, runtime, place, sentence, { from: place.wheelFolder }),
  );
  if (reason !== undefined) t.pass('a small disk', { skip: reason });
});

t.test('leaves nothing when it is interrupted, at whatever step', async (t) => {
  const place = makePlace(t.testdir());
  const runtime = makeRuntime(place.wheelFolder);
  let stopAt = 0;
  for (let isStopped = true; isStopped; stopAt++) {
    const interruption = new AbortController();
    let stepCount = 0;
    const step = () => {
      if (stepCount++ === stopAt) interruption.abort();
    };
    const progress: Progress = { begin: step, at: step, end() {} };
    const { environment } = place;
    const attempt = installRuntime(runtime, { environment, progress, signal: interruption.signal });
    const error = await attempt.then(
      () => undefined,
      (error: unknown) => error,
    );
    isStopped = interruption.signal.aborted;
    // After the last byte it may be too late to stop: then it is whole.
    if (error === undefined) {
      t.strictSame(await verifyRuntime(runtime, environment), [], `whole after step ${stopAt}`);
      await removeRuntime(runtime, environment);
    } else {
      t.match(error, { name: 'RuntimeInstallError', message: /was interrupted/ }, `step ${stopAt}`);
      t.notOk(isInstalled(runtime, place));
    }
    t.strictSame(leftovers(place), []);
  }
  // Two beginnings, the end of the download, and a piece of each of four files.
  t.ok(stopAt > 6, 'it was stopped while it downloaded and while it unpacked');
});

t.test('removes what a killed installation left, and not what another is at', async (t) => {
  const place = makePlace(t.testdir());
  const runtime = makeRuntime(place.wheelFolder);
  const deadPid = spawnSync('true').pid;
  const left = join(place.runtimesFolder, `.partial-fake_${hostname()}_${deadPid}_00000000`);
  const alive = join(place.runtimesFolder, `.partial-fake_${hostname()}_${process.pid}_00000000`);
  const elsewhere = join(place.runtimesFolder, '.partial-fake_another-host_1_00000000');
  for (const folder of [left, alive, elsewhere]) mkdirSync(folder, { recursive: true });
  await installRuntime(runtime, { from: place.wheelFolder, environment: place.environment });
  t.notOk(existsSync(left));
  t.ok(existsSync(alive));
  t.ok(existsSync(elsewhere), 'a host that shares this disk may be at work there');
});

t.test('verify names what was changed and what is missing', async (t) => {
  const { environment, wheelFolder } = makePlace(t.testdir());
  const runtime = makeRuntime(wheelFolder);
  t.strictSame(await verifyRuntime(runtime, environment), ['Fake 1.0 is not installed']);
  const folder = await installRuntime(runtime, { from: wheelFolder, environment });
  corrupt(join(folder, 'lib/libfake.so'));
  rmSync(join(folder, 'include/a.h'));
  t.strictSame((await verifyRuntime(runtime, environment)).sort(), [
    `${join(folder, 'include/a.h')} is missing`,
    `${join(folder, 'lib/libfake.so')} was changed`,
  ]);
});

t.test('remove takes every version out of the cache, and nothing else', async (t) => {
  const place = makePlace(t.testdir());
  const { environment, wheelFolder } = place;
  const runtime = makeRuntime(wheelFolder);
  const folder = await installRuntime(runtime, { from: wheelFolder, environment });
  const older = join(place.runtimesFolder, 'fake-0.9-00000000');
  const other = join(place.runtimesFolder, 'faker-1.0-00000000');
  for (const path of [older, other]) mkdirSync(path);
  t.strictSame((await removeRuntime(runtime, environment)).sort(), [older, folder].sort());
  t.strictSame(readdirSync(place.runtimesFolder), ['faker-1.0-00000000']);
  t.strictSame(await removeRuntime(runtime, environment), []);
});

t.test('an existing site-packages is used in place of the cache', async (t) => {
  const sitePackages = t.testdir({
    fake: { lib: { 'libfake.so.1.2': '' } },
    'tuttifake-1.2.dist-info': { METADATA: 'Name: tuttifake\nVersion: 1.2\n' },
  });
  const environment = { XDG_CACHE_HOME: '/nowhere', TUTTI_RUNTIMES_PATH: sitePackages };
  const wheelFolder = join(sitePackages, 'wheels');
  mkdirSync(wheelFolder);
  const runtime = makeRuntime(wheelFolder);
  t.strictSame(locateRuntime(runtime, { environment }), {
    name: 'fake',
    version: '1.2',
    folder: join(sitePackages, 'fake'),
    preload: [join(sitePackages, 'fake/lib/libfake.so.1.2')],
    environment: {},
    source: 'site-packages',
  });
  const pinned = makeRuntime(wheelFolder, {
    inSitePackages: { ...runtime.inSitePackages, isPinned: true },
  });
  t.equal(locateRuntime(pinned, { environment }), undefined, 'another version than the pinned one');
  rmSync(join(sitePackages, 'fake'), { recursive: true });
  t.equal(locateRuntime(runtime, { environment }), undefined);
  const nowhere = { ...environment, TUTTI_RUNTIMES_PATH: '/nowhere/at/all' };
  t.equal(locateRuntime(runtime, { environment: nowhere }), undefined);
});
