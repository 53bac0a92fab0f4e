// A PLC directory in memory, a PDS over it, and a bridge from the PDS to what reads a Jetstream.
// node network.mjs FOLDER PLC_PORT PDS_PORT BRIDGE_PORT
//
// The bridge is ours, for the real one is a Go program that no package brings: it reads the PDS's firehose
// (com.atproto.sync.subscribeRepos), checks each commit's signature against the directory, and tells what it read in
// the words of a Jetstream's `/subscribe`. Accounts, posts, edits, deletions and their order are the PDS's own.

import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import process from 'node:process';

import { IdResolver } from '@atproto/identity';
import { lexToJson } from '@atproto/lex-json';
import { PDS, envToCfg, envToSecrets, readEnv } from '@atproto/pds';
import { Firehose } from '@atproto/sync';
import plc from '@did-plc/server';
import { WebSocketServer } from 'ws';

const [folder, plcPort, pdsPort, bridgePort] = process.argv.slice(2);
const directory = `http://localhost:${plcPort}`;

// Neither the directory nor the PDS can be told to stay on this machine.
const { listen } = net.Server.prototype;
net.Server.prototype.listen = function (port, ...more) {
  const then = more.filter((one) => typeof one === 'function');
  return listen.call(this, { port: Number(port), host: '127.0.0.1' }, ...then);
};

const plcServer = plc.PlcServer.create({ db: plc.Database.mock(), port: Number(plcPort) });
await plcServer.start();

fs.mkdirSync(`${folder}/blobs`, { recursive: true });
Object.assign(process.env, {
  PDS_PORT: pdsPort,
  PDS_HOSTNAME: 'localhost',
  PDS_DEV_MODE: 'true',
  PDS_DATA_DIRECTORY: folder,
  PDS_BLOBSTORE_DISK_LOCATION: `${folder}/blobs`,
  PDS_DID_PLC_URL: directory,
  PDS_SERVICE_HANDLE_DOMAINS: '.test',
  PDS_INVITE_REQUIRED: 'false',
  PDS_DISABLE_SSRF_PROTECTION: 'true',
  PDS_JWT_SECRET: 'a secret of a test, and of nothing else',
  PDS_ADMIN_PASSWORD: 'admin-of-a-test',
  PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX: '11'.repeat(32),
});
const env = readEnv();
const pds = await PDS.create(envToCfg(env), envToSecrets(env));
await pds.start();

// Every frame since the beginning: whoever comes back with a cursor is told what was missed.
const frames = [];
const sockets = new Set();
let last = 0;

function tell(frame, collection) {
  last = Math.max(last + 1, Date.now() * 1000);
  const told = { time: last, collection, text: JSON.stringify({ ...frame, time_us: last }) };
  frames.push(told);
  for (const socket of sockets) send(socket, told);
}

function send(socket, { collection, text }) {
  // Accounts and identities are told to everybody.
  if (!collection || socket.wanted.length === 0 || socket.wanted.includes(collection)) socket.send(text);
}

const firehose = new Firehose({
  service: `ws://localhost:${pdsPort}`,
  // As it is, for what guards it from private addresses would refuse the directory.
  idResolver: new IdResolver({ plcUrl: directory, fetch: globalThis.fetch }),
  // A handle is looked up by DNS otherwise.
  unauthenticatedHandles: true,
  subscriptionReconnectDelay: 500,
  getCursor: () => 0,
  onError: (error) => console.error('firehose:', error),
  handleEvent: (event) => {
    const { did, seq, time } = event;
    if (event.event === 'account') {
      const { active, status } = event;
      tell({ did, kind: 'account', account: { active, did, seq, time, ...(active ? {} : { status }) } });
    } else if (event.event === 'identity') {
      tell({ did, kind: 'identity', identity: { did, handle: event.handle, seq, time } });
    } else if (event.event !== 'sync') {
      const { event: operation, rev, collection, rkey } = event;
      const written = operation === 'delete' ? {} : { record: lexToJson(event.record), cid: event.cid.toString() };
      tell({ did, kind: 'commit', commit: { rev, operation, collection, rkey, ...written } }, collection);
    }
  },
});
firehose.start();

const server = http.createServer((_, answer) => answer.writeHead(404).end('404 page not found'));
const bridge = new WebSocketServer({ noServer: true });
server.on('upgrade', (asked, socket, head) => {
  const url = new URL(asked.url, 'http://localhost');
  if (url.pathname !== '/subscribe') {
    socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    return;
  }
  bridge.handleUpgrade(asked, socket, head, (open) => {
    open.wanted = url.searchParams.getAll('wantedCollections');
    console.log(`asked: ${asked.url}`);
    const cursor = url.searchParams.get('cursor');
    if (cursor) frames.filter((frame) => frame.time >= Number(cursor)).forEach((frame) => send(open, frame));
    sockets.add(open);
    open.on('close', () => sockets.delete(open));
  });
});
server.listen(bridgePort, () => console.log('ready'));
