// What the programs here share: a web application with sessions, at a free port of 127.0.0.1.
// Arguments: issuer, client id, client secret, scope. The port is printed once it can be used.
import { once } from 'node:events'
import express from 'express'
import session from 'express-session'

export const [issuer, clientId, clientSecret, scope] = process.argv.slice(2)

export const app = express()
app.use(session({ secret: 'only for tests', resave: false, saveUninitialized: false }))

const server = app.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address()
export const origin = `http://127.0.0.1:${port}`

// `describe` says what is in an error of the library: {error, error_description}, or a promise of it.
export function ready(describe) {
  app.use(async (error, req, res, next) => {
    const described = await describe(error)
    if (!described.error) console.error(error)
    res.status(400).json(described)
  })
  console.log(port)
}

function stop() {
  server.close()
  server.closeAllConnections()
  process.stdin.destroy()
}

process.on('SIGTERM', stop)
process.stdin.on('end', stop).resume()
