// oauth4webapi, by its examples: https://github.com/panva/oauth4webapi/tree/v3.x/examples
import * as oauth from 'oauth4webapi'
import { app, clientId, clientSecret, issuer, origin, ready, scope } from './site.js'

const http = { [oauth.allowInsecureRequests]: true } // for tests only
const found = await oauth.discoveryRequest(new URL(issuer), { algorithm: 'oauth2', ...http })
const as = await oauth.processDiscoveryResponse(new URL(issuer), found)
const client = { client_id: clientId }
const clientAuth = oauth.ClientSecretBasic(clientSecret)
const redirect_uri = `${origin}/callback`

app.get('/login', async (req, res) => {
  const code_verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  req.session.oauth = { code_verifier, state }
  const url = new URL(as.authorization_endpoint)
  url.searchParams.set('client_id', clientId)
  url.searchParams.set('redirect_uri', redirect_uri)
  url.searchParams.set('response_type', 'code')
  url.searchParams.set('scope', scope)
  url.searchParams.set('state', state)
  url.searchParams.set('code_challenge', await oauth.calculatePKCECodeChallenge(code_verifier))
  url.searchParams.set('code_challenge_method', 'S256')
  res.redirect(url.href)
})

app.get('/callback', async (req, res) => {
  const { code_verifier, state } = req.session.oauth
  // Checks `state` and `iss`, and throws what the answer says went wrong.
  const answer = oauth.validateAuthResponse(as, client, new URL(req.url, origin), state)
  const response = await oauth.authorizationCodeGrantRequest(
    as, client, clientAuth, answer, redirect_uri, code_verifier, http,
  )
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, response)
  req.session.tokens = tokens
  res.json({ tokens })
})

app.get('/refresh', async (req, res) => {
  const { refresh_token } = req.session.tokens
  const response = await oauth.refreshTokenGrantRequest(as, client, clientAuth, refresh_token, http)
  const tokens = await oauth.processRefreshTokenResponse(as, client, response)
  req.session.tokens = tokens
  res.json({ tokens })
})

ready(async (error) => {
  // An answer with a WWW-Authenticate header becomes this error, whose body nobody has read yet.
  if (error instanceof oauth.WWWAuthenticateChallengeError) return error.response.json()
  return { error: error.error, error_description: error.error_description ?? error.message }
})
