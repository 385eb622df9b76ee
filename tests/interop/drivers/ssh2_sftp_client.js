// npm's ssh2-sftp-client: `fastPut` sends its writes in any order.
'use strict';
const fs = require('fs');
const path = require('path');
const Client = require(path.join(process.env.INTEROP_NPM, 'node_modules/ssh2-sftp-client'));

const [host, port, username, password, keyfile, , operation, ...rest] = process.argv.slice(2);

const operations = {
  put: (sftp, local, remote) => sftp.fastPut(local, remote),
  get: (sftp, remote, local) => sftp.fastGet(remote, local),
  'put-tree': (sftp, local, remote) => sftp.uploadDir(local, remote),
  'get-tree': (sftp, remote, local) => sftp.downloadDir(remote, local),
  ls: async (sftp, remote) => {
    for (const entry of await sftp.list(remote)) process.stdout.write(entry.name + '\n');
  },
  rename: (sftp, from, to) => sftp.rename(from, to),
  replace: (sftp, from, to) => sftp.posixRename(from, to),
  rm: (sftp, remote) => sftp.delete(remote),
  mkdir: (sftp, remote) => sftp.mkdir(remote),
  rmdir: (sftp, remote) => sftp.rmdir(remote),
  append: (sftp, whole, remote, length) =>
    sftp.append(fs.readFileSync(whole).subarray(Number(length)), remote),
  resume: async (sftp, whole, remote) => {
    const { size } = await sftp.stat(remote);
    return sftp.append(fs.readFileSync(whole).subarray(size), remote);
  },
};

async function main() {
  const run = operations[operation] || (operation === 'get-large' && operations.get);
  if (!run) process.exit(77);
  const sftp = new Client();
  const identity = keyfile === '-' ? { password } : { privateKey: fs.readFileSync(keyfile) };
  await sftp.connect({ host, port: Number(port), username, ...identity });
  try {
    await run(sftp, ...rest);
  } finally {
    await sftp.end();
  }
}

main().catch((error) => {
  process.stderr.write(error.message + '\n');
  process.exit(1);
});
