// An authorization server for tests: node-oidc-provider with what UK Open Banking needs.
// The one argument is a file with the settings, which oidcprovider.go writes.
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import Provider from 'oidc-provider';

const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));

// Every model lies in one file, so that a server that starts again knows its clients.
const rows = new Map(existsSync(settings.data) ? JSON.parse(readFileSync(settings.data, 'utf8')) : []);
function save() {
  writeFileSync(`${settings.data}.part`, JSON.stringify([...rows]));
  renameSync(`${settings.data}.part`, settings.data);
}

class FileAdapter {
  constructor(model) { this.model = model; }

  async find(id) {
    const row = rows.get(`${this.model}:${id}`);
    return row && (!row.until || row.until > Date.now()) ? row.payload : undefined;
  }

  async findByUid(uid) {
    return [...rows].find(([key, row]) => key.startsWith(`${this.model}:`) && row.payload.uid === uid)?.[1].payload;
  }

  async findByUserCode() { return undefined; }

  async upsert(id, payload, expiresIn) {
    rows.set(`${this.model}:${id}`, { payload, until: expiresIn ? Date.now() + expiresIn * 1000 : 0 });
    save();
  }

  async consume(id) {
    rows.get(`${this.model}:${id}`).payload.consumed = Math.floor(Date.now() / 1000);
    save();
  }

  async destroy(id) {
    rows.delete(`${this.model}:${id}`);
    save();
  }

  async revokeByGrantId(grantId) {
    for (const [key, row] of rows) {
      if (key.startsWith(`${this.model}:`) && row.payload.grantId === grantId) rows.delete(key);
    }
    save();
  }
}

const certificateOf = (ctx) => ctx.socket.getPeerX509Certificate();
// Node prints one part a line, the first part of the name first; RFC 4514 begins with the last.
const subjectOf = (ctx) => certificateOf(ctx).subject.split('\n').reverse().join(',');
const byBank = (ctx, client, token) => client.clientId === settings.bank.client_id || client.clientId === token.clientId;

const algorithms = ['PS256', 'ES256'];
const provider = new Provider(settings.issuer, {
  adapter: FileAdapter,
  clients: [settings.bank],
  clientDefaults: { id_token_signed_response_alg: 'PS256' },
  clientAuthMethods: ['client_secret_basic', 'private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth'],
  scopes: ['openid', 'offline_access', 'accounts', 'payments', 'fundsconfirmations'],
  responseTypes: ['code', 'code id_token'],
  pkce: { required: () => false },
  enabledJWA: {
    clientAuthSigningAlgValues: algorithms,
    requestObjectSigningAlgValues: algorithms,
    idTokenSigningAlgValues: ['PS256'],
  },
  jwks: { keys: [generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })] },
  extraClientMetadata: { properties: ['obdcr_record_id'] },
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: byBank },
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      tlsClientAuth: true,
      selfSignedTlsClientAuth: true,
      getCertificate: certificateOf,
      certificateAuthorized: (ctx) => ctx.socket.authorized,
      certificateSubjectMatches: (ctx, property, expected) => property === 'tls_client_auth_subject_dn' && subjectOf(ctx) === expected,
    },
    registration: { enabled: true, initialAccessToken: settings.initialAccessToken },
    registrationManagement: { enabled: true, rotateRegistrationAccessToken: settings.rotate },
    requestObjects: { request: true },
    revocation: { enabled: true },
  },
});
provider.on('server_error', (ctx, err) => console.error(err));

createServer({
  cert: readFileSync(settings.certificate),
  key: readFileSync(settings.certificateKey),
  ca: readFileSync(settings.ca),
  requestCert: true,
  rejectUnauthorized: false,
}, provider.callback()).listen(settings.port, '127.0.0.1');
