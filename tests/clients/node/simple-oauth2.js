// simple-oauth2, by its README: https://github.com/lelylan/simple-oauth2
import { randomBytes } from 'node:crypto'
import { AuthorizationCode } from 'simple-oauth2'
import { app, clientId, clientSecret, issuer, origin, ready, scope } from './site.js'

// The paths that it takes when none are given, /oauth/authorize and /oauth/token, are the helper's.
const client = new AuthorizationCode({
  client: { id: clientId, secret: clientSecret },
  auth: { tokenHost: issuer },
})
const redirect_uri = `${origin}/callback`

app.get('/login', (req, res) => {
  const state = randomBytes(16).toString('hex')
  req.session.state = state
  res.redirect(client.authorizeURL({ redirect_uri, scope, state }))
})

app.get('/callback', async (req, res) => {
  const { code, state, error, error_description } = req.query
  if (!state || state !== req.session.state) return res.status(400).json({ error: 'other state' })
  if (error) return res.status(400).json({ error, error_description })
  const accessToken = await client.getToken({ code, redirect_uri, scope })
  req.session.token = accessToken.token
  res.json({ tokens: accessToken.token })
})

app.get('/refresh', async (req, res) => {
  const accessToken = await client.createToken(req.session.token).refresh()
  req.session.token = accessToken.token
  res.json({ tokens: accessToken.token })
})

// Its errors are Boom's; the body of the answer is in `data.payload`.
ready(({ data, message }) => data?.payload ?? { error_description: message })
