"""Which wordings mean which causes: a table, the first row that fits decides.

The patterns are looked for in folded text: small letters, straight quotation marks, single blanks.
They hold no nested repeats, so that no text makes them slow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from oauth_helper.diagnosis.causes import Cause


@dataclass(frozen=True, slots=True)
class MessageRule:
    """A folded text in which `pattern` is found means `causes`; `name` is how staff know the text."""

    name: str
    pattern: re.Pattern[str]
    causes: tuple[Cause, ...]


def _rule(name: str, causes: tuple[Cause, ...], *patterns: str) -> MessageRule:
    return MessageRule(name, re.compile("|".join(patterns)), causes)


_MISMATCH = (
    Cause.URL_REQUESTS_UNCONFIGURED_SCOPE,
    Cause.SCOPE_IN_WRONG_PARAMETER,
    Cause.MISSING_OAUTH_SCOPE,
)

# The token endpoint's and the API's words first: they are exact. English wordings of HubSpot's pages
# are from its knowledge base (knowledge.hubspot.com, "Resolve a Request for Integration Permissions
# error", 2025-12-17) and from public threads; Japanese, Italian and French ones from that page's
# translations and PipedreamHQ/pipedream#20321. Those of the other languages are worked out from them.
RULES: tuple[MessageRule, ...] = (
    # HGData/mk-node-hubspot#87, #64; postmanlabs/postman-app-support#3655; airbytehq/airbyte#79592
    _rule(
        "BAD_REFRESH_TOKEN",
        (Cause.REFRESH_TOKEN_INVALID, Cause.CLIENT_ID_INVALID),
        "bad_refresh_token",
        "missing or invalid refresh token",
    ),
    _rule(
        "BAD_CLIENT_SECRET",
        (Cause.CLIENT_SECRET_INVALID,),
        "bad_client_secret",
        "missing or invalid client secret",
    ),
    _rule("BAD_CLIENT_ID", (Cause.CLIENT_ID_INVALID, Cause.WRONG_REGION), "bad_client_id"),
    _rule(
        "a redirect URI that does not fit the code",
        (Cause.REDIRECT_URI_MISMATCH,),
        "mismatch_redirect_uri_auth_code",
        "bad_redirect_uri",
    ),
    _rule(
        "BAD_AUTH_CODE",
        (Cause.CODE_EXPIRED_OR_REUSED,),
        "bad_auth_code",
        "expired_auth_code",
        "missing or unknown auth code",
    ),
    _rule("BAD_CODE_VERIFIER", (Cause.PKCE_MISMATCH,), "bad_code_verifier"),
    _rule("BAD_GRANT_TYPE", (Cause.TOKEN_REQUEST_MALFORMED,), "bad_grant_type"),
    _rule("BAD_SCOPES", (Cause.INVALID_SCOPE_NAME, *_MISMATCH), "bad_scopes"),
    # HubSpot/hubspot-api-python#261
    _rule(
        "an account in another region",
        (Cause.WRONG_REGION,),
        "unknown to this hublet",
        "correcthublet",
        "bad_hub",
    ),
    # ToolJet/ToolJet#17192, airbytehq/airbyte#62467
    _rule(
        "an expired access token",
        (Cause.TOKEN_EXPIRED,),
        "expired_authentication",
        r"oauth token used to make this call expired",
    ),
    # PostHog/posthog#53339, PipedreamHQ/pipedream#2689, estuary/connectors#3522
    _rule(
        "a call that needs another scope",
        (Cause.TOKEN_LACKS_SCOPE, Cause.ACCOUNT_LACKS_FEATURE, Cause.DEPRECATED_SCOPE),
        "missing_scopes",
        "hasn't been granted all required scopes",
        r"does not have proper permissions",
    ),
    _rule(
        "too many requests",
        (Cause.RATE_LIMITED,),
        r"rate_limit",
        r"\b429\b",
        "ten_secondly_rolling",
    ),
    # E7: App Governance, 2026-04
    _rule(
        "an app that waits for approval",
        (Cause.APP_NOT_APPROVED,),
        "hasn't been approved to access",
        "app (is|was) not approved",
        "nicht (genehmigt|freigegeben)",
        "n'a pas été approuvée",
        "no (ha sido|está) aprobad",
        "não foi aprovad",
        "niet goedgekeurd",
        "nie została zatwierdzona",
        "ikke (godkjent|godkendt)",
        "inte godkän(ts|d)",
        "ei ole hyväksytty",
        "承認されていない",
        "non è stata approvata",
    ),
    # E8
    _rule(
        "an app that HubSpot blocks",
        (Cause.APP_BLOCKED, Cause.URL_MISSING_REQUIRED_SCOPE),
        "acceptable use policy",
        "install link is no longer valid",
        "política de uso aceptable",
        "política de uso aceitável",
        "politique d'utilisation acceptable",
        "richtlinie zur akzeptablen nutzung",
    ),
    # E2: ja from the knowledge base
    _rule(
        "a mismatch between the link and the app",
        _MISMATCH,
        r"mismatch between the scopes",
        r"\bscope mismatch",
        "インストールurlのスコープ.{0,40}一致しない",
        r"(abweichung|nicht überein).{0,80}(bereich|scope|install)",
        r"(bereich|scope).{0,80}(abweichung|nicht überein)",
        r"(incohérence|ne correspondent pas|différence|non-concordance).{0,60}(scopes|portées|champs|périmètres)",
        r"(scopes|portées|périmètres).{0,80}ne correspondent pas",
        r"(discrepancia|no coinciden|falta de coincidencia|desajuste).{0,60}(ámbito|alcance|scope|permiso)",
        r"(ámbitos|alcances|scopes).{0,80}no coinciden",
        r"(incompatibilidade|não correspondem|divergência).{0,60}(escopo|âmbito|scope)",
        r"(escopos|scopes).{0,80}não (correspondem|coincidem)",
        r"(mancata corrispondenza|non corrispondono).{0,60}(ambiti|scope)",
        r"ambiti.{0,80}non corrispondono",
        r"(komen niet overeen|discrepantie|verschil).{0,60}(scope|bereik|machtiging)",
        r"(scopes|bereiken).{0,80}komen niet overeen",
        r"(niezgodność|nie zgadzają się|niedopasowanie).{0,60}(zakres|uprawnie)",
        r"(samsvarer ikke|uoverensstemmelse|stemmer ikke overens).{0,60}(omfang|scope|tilladels|tillatels)",
        r"(matchar inte|överensstämmer inte|felmatchning|avvikelse).{0,60}(omfång|omfattning|scope|behörighet)",
        r"(eivät vastaa|ristiriita|eroavat).{0,60}(laajuu|käyttöoikeu|scope)",
    ),
    # E3
    _rule(
        "an account without the feature",
        (Cause.ACCOUNT_LACKS_FEATURE, Cause.USER_LACKS_PERMISSION),
        "account lacks access to the required scopes",
        "account doesn't have access to some hubspot features",
        "account doesn't have access to this scope",
        r"(konto|account).{0,40}keinen zugriff",
        r"compte n'a pas accès",
        r"cuenta no tiene acceso",
        r"conta não tem acesso",
        r"account non ha accesso",
        r"account heeft geen toegang",
        r"konto nie ma dostępu",
        r"(kontoen|konto|kontoen din).{0,20}(har ikke tilgang|har ikke adgang)",
        r"konto(t)?.{0,20}har inte åtkomst",
        r"tilillä(si)? ei ole (pääsyä|käyttöoikeutta)",
        "アカウントに.{0,40}アクセス(権限)?(が|でき)(ない|ません)",
    ),
    # E9
    _rule(
        "a person who may not connect apps",
        (Cause.USER_LACKS_PERMISSION, Cause.ACCOUNT_LACKS_FEATURE),
        "request for integration permissions",
        r"(do not|don't) have permission to connect this",
        r"correct role to grant these permissions",
        r"keine berechtigung.{0,40}(app|integration).{0,30}verbinden",
        r"pas l'autorisation de connecter",
        r"no tien(e|es) permiso para conectar",
        r"não tem permissão para conectar",
        r"non dispon(e|i) dell'autorizzazione",
        r"geen toestemming om deze",
        r"nie masz uprawnień do połączenia",
        r"ikke (tillatelse|tilladelse) til å? ?(koble|at forbinde)",
        r"inte behörighet att ansluta",
        r"ei ole lupaa yhdistää",
        "接続する権限がありません",
    ),
    # E1: ja, it from the knowledge base
    _rule(
        "a required scope that the link lacks",
        (Cause.URL_MISSING_REQUIRED_SCOPE, Cause.DEPRECATED_SCOPE),
        r"scopes (are|were) (insufficient|missing)",
        r"insufficient scopes? (were|was) provided",
        r"scopes? (that are|are) missing",
        "スコープが不十分",
        r"ambiti forniti sono insufficienti",
        r"(bereiche|scopes).{0,40}(unzureichend|nicht ausreichend|fehlen)",
        r"(scopes|portées|périmètres|champs).{0,40}insuffisant",
        r"(ámbitos|alcances|scopes|permisos).{0,40}(insuficientes|faltan)",
        r"(escopos|scopes).{0,40}(insuficientes|faltando)",
        r"(scopes|bereiken|machtigingen).{0,40}(onvoldoende|ontbreken)",
        r"(zakresy|uprawnienia).{0,40}(niewystarczające|brakuje)",
        r"(omfang|scopes|omfangene).{0,40}(utilstrekkelig|utilstrækkelig|mangler)",
        r"(omfång|omfattningar|scopes).{0,40}(otillräcklig|saknas)",
        r"(laajuudet|käyttöoikeudet|scopet).{0,40}(riittämättöm|puuttu)",
    ),
    # E4
    _rule(
        "a scope name that HubSpot does not know",
        (Cause.INVALID_SCOPE_NAME, Cause.SCOPES_BADLY_ENCODED, Cause.DEPRECATED_SCOPE),
        r"invalid scope name",
        r"ungültiger (bereichs|scope).{0,3}name",
        r"nom de (scope|portée).{0,20}(non valide|invalide)",
        r"nombre de (ámbito|alcance|scope).{0,20}no válido",
        r"nome de escopo.{0,20}inválido",
        r"nome (dell'|di )?ambito.{0,20}non valido",
        r"ongeldige (scope|bereik).{0,3}naam",
        r"nieprawidłowa nazwa zakresu",
        r"ugyldig.{0,20}(omfangsnavn|scope)",
        r"ogiltigt.{0,20}(omfång|scope)",
        r"virheellinen.{0,20}(laajuuden|scope)",
        "無効なスコープ名",
    ),
    # E5: microsoft/PowerPlatformConnectors#3849, #3266
    _rule(
        "a redirect URL that is not registered",
        (Cause.REDIRECT_URI_MISMATCH,),
        r"redirect (url|uri).{0,300}(doesn't|does not) match",
        r"redirect_uri",
        r"(umleitungs|weiterleitungs|redirect)-?url.{0,200}(nicht|überein)",
        r"url de redirection",
        r"url de (redireccion|redirección)",
        r"url de redirecionamento",
        r"url di reindirizzamento",
        r"(omleidings|redirect)-?url",
        r"adres(u)? url przekierowania",
        r"(omdirigerings|viderestillings|omadresserings)-?url",
        r"uudelleenohjaus",
        "リダイレクトurl",
    ),
    # E6
    _rule(
        "a client id that HubSpot does not know",
        (Cause.CLIENT_ID_INVALID, Cause.WRONG_REGION),
        r"client[ _-]?id.{0,60}(invalid|invalide|ungültig|no válido|inválido|non valido|ongeldig|nieprawidłow|ugyldig|ogiltig|virheelli|無効)",
        r"(invalid|ungültige|ongeldig|nieprawidłow|ugyldig|ogiltigt|virheellinen|無効).{0,40}client[ _-]?id",
    ),
    _rule(
        "a refused consent",
        (Cause.USER_DENIED,),
        r"access_denied",
        r"user (denied|cancelled|canceled)",
    ),
)
