// openid-client 6, by its README: https://github.com/panva/openid-client
import * as client from 'openid-client'
import { app, clientId, clientSecret, issuer, origin, ready, scope } from './site.js'

const config = await client.discovery(new URL(issuer), clientId, clientSecret, undefined, {
  algorithm: 'oauth2', // /.well-known/oauth-authorization-server, not OpenID Connect's
  execute: [client.allowInsecureRequests], // http, for tests only
})
const redirect_uri = `${origin}/callback`

app.get('/login', async (req, res) => {
  const code_verifier = client.randomPKCECodeVerifier()
  const parameters = {
    redirect_uri,
    scope,
    code_challenge: await client.calculatePKCECodeChallenge(code_verifier),
    code_challenge_method: 'S256',
  }
  // The README has it so: with PKCE, a state is not needed.
  if (!config.serverMetadata().supportsPKCE()) parameters.state = client.randomState()
  req.session.oauth = { code_verifier, state: parameters.state }
  res.redirect(client.buildAuthorizationUrl(config, parameters).href)
})

app.get('/callback', async (req, res) => {
  const { code_verifier, state } = req.session.oauth
  const tokens = await client.authorizationCodeGrant(config, new URL(req.url, origin), {
    pkceCodeVerifier: code_verifier,
    expectedState: state,
  })
  req.session.tokens = tokens
  res.json({ tokens })
})

app.get('/refresh', async (req, res) => {
  const tokens = await client.refreshTokenGrant(config, req.session.tokens.refresh_token)
  req.session.tokens = tokens
  res.json({ tokens })
})

// Of a 401 it tells what stands in the WWW-Authenticate header, as the cause.
ready(({ error, error_description, message, cause }) => {
  const answer = cause?.[0]?.parameters ?? { error, error_description }
  return { error: answer.error, error_description: answer.error_description ?? message }
})
