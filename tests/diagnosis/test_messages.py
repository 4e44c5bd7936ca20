"""What people read at HubSpot, and what it means, in any wording and language."""

import json
import time
import tomllib
import unicodedata
from importlib import resources
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_helper.diagnosis import Cause, Evidence, Stage, diagnose
from oauth_helper.diagnosis.error_pages import PAGES
from oauth_helper.diagnosis.messages import MAX_TEXT, fold, read_message, scopes_named
from oauth_helper.scopes import AppConfiguration, RequestedScopes

MISMATCH = {"url_requests_unconfigured_scope", "scope_in_wrong_parameter", "missing_oauth_scope"}
E2 = (
    "Authorization failed because there is a mismatch between the scopes in the install URL and "
    "the app's configured scopes. Please contact the app developer."
)


def causes(message, stage=Stage.AUTHORIZATION, **evidence):
    found = diagnose(Evidence(stage=stage, message=message, **evidence))
    return [str(candidate.cause) for candidate in found.candidates]


# What a translator may write, and people retype: one line a text, beside it the cause.
REQUIRED = "url_missing_required_scope"
MIXED = "url_requests_unconfigured_scope"
FEATURE = "account_lacks_feature"
NAME = "invalid_scope_name"
REDIRECT = "redirect_uri_mismatch"
CLIENT = "client_id_invalid"
APPROVAL = "app_not_approved"
BLOCKED = "app_blocked"
PERSON = "user_lacks_permission"

TEXTS = {
    "en": (
        (REQUIRED, "Authorization failed because the provided scopes are missing [crm.lists.read]"),
        (REQUIRED, "the provided scopes are insufficient"),
        (REQUIRED, "Not all required scopes were provided"),
        (REQUIRED, "The install URL is missing the required scopes"),
        (REQUIRED, "insufficient_scope"),
        (MIXED, "the scopes in the install url dont match the apps configured scopes"),
        (MIXED, "Scope mismatch"),
        (MIXED, "The scopes requested differ from the ones in your app"),
        (FEATURE, "your account lacks access to the required scopes [content]"),
        (FEATURE, "This account doesn\u2019t have access to some HubSpot features"),
        (FEATURE, "Your account doesn't have access to this scope"),
        (FEATURE, "Your portal has no access to the required scopes"),
        (NAME, "An invalid scope name was provided."),
        (NAME, "unknown scope 'crm.objects.kontakts.read'"),
        (
            REDIRECT,
            "the redirect URL 'https://a.example/cb' doesn't match the app's registered one",
        ),
        (REDIRECT, "The redirect_uri doesn't match the client registered redirect_uri."),
        (REDIRECT, "redirect_uri_mismatch"),
        (REDIRECT, "Redirect URI is not registered for this app"),
        (CLIENT, "An invalid app client_id was provided"),
        (CLIENT, "missing or unknown client id"),
        (APPROVAL, "this app hasn't been approved to access the required scopes [tickets]"),
        (APPROVAL, "This app needs to be approved by a Super Admin first"),
        (BLOCKED, "the app developer has not signed the acceptable use policy."),
        (BLOCKED, "This install link is no longer valid."),
        (PERSON, "Request for Integration Permissions"),
        (PERSON, "You don't have permission to connect this app"),
        (PERSON, "You don't have the right permissions to install Estuary"),
        (PERSON, "You do not have the correct role to grant these permissions"),
    ),
    "de": (
        (
            REQUIRED,
            "Autorisierung fehlgeschlagen, da die angegebenen Bereiche nicht ausreichend sind.",
        ),
        (REQUIRED, "Autorisierung fehlgeschlagen: fehlende Scopes [tickets]"),
        (REQUIRED, "Die angegebenen Berechtigungen reichen nicht aus"),
        (
            MIXED,
            "eine Diskrepanz zwischen den Bereichen in der Installations-URL und den konfigurierten",
        ),
        (MIXED, "Die Scopes in der Installations-URL stimmen nicht mit denen der App ueberein"),
        (FEATURE, "Ihr Account hat keinen Zugriff auf die erforderlichen Bereiche [content]"),
        (FEATURE, "Ihrem Konto fehlt der Zugriff auf die erforderlichen Scopes"),
        (NAME, "Es wurde ein ungültiger Bereichsname angegeben."),
        (REDIRECT, "die Weiterleitungs-URL \u201ehttps://a.example/cb\u201c stimmt nicht überein"),
        (CLIENT, "Es wurde eine ungueltige Client-ID angegeben"),
        (APPROVAL, "da diese App nicht für den Zugriff auf die Bereiche genehmigt wurde [tickets]"),
        (BLOCKED, "Der Entwickler hat die Richtlinie zur zulässigen Nutzung nicht unterzeichnet"),
        (BLOCKED, "Dieser Installationslink ist nicht mehr gültig"),
        (PERSON, "Sie haben keine Berechtigung, diese App zu verbinden"),
        (PERSON, "Anforderung von Integrationsberechtigungen"),
    ),
    "fr": (
        (
            REQUIRED,
            "L'autorisation a échoué car les champs d'application fournis sont insuffisants.",
        ),
        (REQUIRED, "il manque les scopes suivants [crm.lists.read]"),
        (
            MIXED,
            "Les portées de l'URL d'installation ne correspondent pas à celles de l'application",
        ),
        (MIXED, "une non-concordance entre les périmètres de l\u2019URL et ceux configurés"),
        (FEATURE, "Ce compte n\u2019a pas accès à certaines fonctionnalités HubSpot"),
        (NAME, "Un nom de scope non valide a été fourni."),
        (
            REDIRECT,
            "l'URL de redirection \u00ab\u00a0https://a.example/cb\u00a0\u00bb ne correspond pas",
        ),
        (CLIENT, "L'identifiant client de l'application n'est pas valide"),
        (APPROVAL, "cette application n'a pas été approuvée pour accéder aux scopes requis"),
        (BLOCKED, "le développeur n'a pas signé la politique d'utilisation acceptable"),
        (PERSON, "Vous n\u2019êtes pas autorisé à connecter cette intégration"),
    ),
    "es": (
        (REQUIRED, "La autorización falló porque los ámbitos proporcionados son insuficientes."),
        (REQUIRED, "faltan los alcances [crm.objects.deals.read]"),
        (
            MIXED,
            "una discrepancia entre los ambitos de la URL de instalacion y los de la aplicacion",
        ),
        (FEATURE, "tu cuenta no tiene acceso a los ámbitos requeridos [content]"),
        (NAME, "Se proporcionó un nombre de ámbito no válido"),
        (REDIRECT, "la URL de redireccionamiento 'https://a.example/cb' no coincide"),
        (CLIENT, "El ID de cliente no es válido"),
        (APPROVAL, "esta aplicación no ha sido aprobada para acceder a los ámbitos requeridos"),
        (BLOCKED, "el desarrollador no ha firmado la política de uso aceptable"),
        (PERSON, "No tienes permiso para conectar esta aplicación"),
    ),
    "pt": (
        (REQUIRED, "A autorização falhou porque os escopos fornecidos são insuficientes."),
        (REQUIRED, "os âmbitos fornecidos são insuficientes. Contacte o programador."),
        (MIXED, "uma incompatibilidade entre os escopos no URL de instalação e os do aplicativo"),
        (FEATURE, "A sua conta não possui acesso aos âmbitos obrigatórios"),
        (NAME, "Um nome de escopo inválido foi fornecido"),
        (REDIRECT, "o URL de redirecionamento 'https://a.example/cb' não corresponde"),
        (CLIENT, "ID do cliente inválido"),
        (APPROVAL, "este aplicativo não foi aprovado para acessar os escopos necessários"),
        (BLOCKED, "o programador não assinou a política de utilização aceitável"),
        (PERSON, "Você não tem permissão para conectar este aplicativo"),
    ),
    "it": (
        (REQUIRED, "Sono stati forniti ambiti insufficienti."),
        (REQUIRED, "mancano gli ambiti [crm.lists.read]"),
        (MIXED, "una mancata corrispondenza tra gli ambiti nell'URL e gli ambiti configurati"),
        (FEATURE, "il tuo account non ha accesso agli ambiti richiesti [content]"),
        (NAME, "È stato fornito un nome di ambito non valido"),
        (REDIRECT, "l'URL di reindirizzamento 'https://a.example/cb' non corrisponde"),
        (CLIENT, "ID client non valido"),
        (APPROVAL, "questa app non è stata approvata per accedere agli ambiti richiesti"),
        (BLOCKED, "lo sviluppatore non ha firmato la politica di utilizzo accettabile"),
        (PERSON, "Non hai l'autorizzazione per connettere questa app"),
    ),
    "nl": (
        (REQUIRED, "Autorisatie mislukt omdat de opgegeven scopes onvoldoende zijn."),
        (MIXED, "de bereiken in de installatie-URL komen niet overeen met die van de app"),
        (FEATURE, "omdat uw account geen toegang heeft tot de vereiste scopes [content]"),
        (NAME, "Er is een ongeldige scopenaam opgegeven"),
        (REDIRECT, "de omleidings-URL 'https://a.example/cb' komt niet overeen"),
        (CLIENT, "Er is een ongeldige client-ID opgegeven"),
        (APPROVAL, "omdat deze app niet is goedgekeurd voor toegang tot de vereiste scopes"),
        (BLOCKED, "Deze installatielink is niet meer geldig"),
        (PERSON, "Je hebt geen toestemming om deze app te verbinden"),
    ),
    "pl": (
        (REQUIRED, "ponieważ podane zakresy są niewystarczające"),
        (
            MIXED,
            "istnieje niezgodność między zakresami w adresie URL instalacji a zakresami aplikacji",
        ),
        (FEATURE, "Twoje konto nie ma dostępu do wymaganych zakresów [content]"),
        (NAME, "Podano nieprawidłową nazwę zakresu"),
        (REDIRECT, "adres URL przekierowania 'https://a.example/cb' nie jest zgodny"),
        (CLIENT, "Podano nieprawidłowy identyfikator klienta aplikacji"),
        (APPROVAL, "ta aplikacja nie została zatwierdzona do dostępu do wymaganych zakresów"),
        (PERSON, "Nie masz uprawnień do połączenia tej aplikacji"),
    ),
    "no": (
        (REQUIRED, "Autorisasjon mislyktes fordi de oppgitte områdene er utilstrekkelige."),
        (
            MIXED,
            "det ikke er samsvar mellom omfanget i installasjons-URL-en og appens konfigurerte omfang",
        ),
        (FEATURE, "kontoen din har ikke tilgang til de nødvendige omfangene [content]"),
        (NAME, "Et ugyldig omfangsnavn ble oppgitt"),
        (REDIRECT, "omdirigerings-URL-en 'https://a.example/cb' samsvarer ikke"),
        (CLIENT, "En ugyldig klient-ID ble oppgitt"),
        (APPROVAL, "denne appen ikke er godkjent for å få tilgang til omfangene"),
        (PERSON, "Du har ikke tillatelse til å koble til denne appen"),
    ),
    "sv": (
        (REQUIRED, "eftersom de angivna scopen är otillräckliga. Kontakta apputvecklaren."),
        (
            MIXED,
            "det inte finns någon överensstämmelse mellan scopen i installations-URL:en och appens",
        ),
        (FEATURE, "ditt konto inte har åtkomst till de obligatoriska omfattningarna [content]"),
        (NAME, "Ett ogiltigt omfattningsnamn angavs"),
        (REDIRECT, "omdirigerings-URL:en 'https://a.example/cb' inte matchar"),
        (CLIENT, "Ett ogiltigt klient-ID angavs"),
        (APPROVAL, "appen inte har godkänts för åtkomst till omfattningarna"),
        (PERSON, "Du har inte behörighet att ansluta den här appen"),
    ),
    "da": (
        (REQUIRED, "fordi de angivne omfang er utilstrækkelige. Kontakt appudvikleren."),
        (MIXED, "der er uoverensstemmelse mellem omfangene i installations-URL'en og appens"),
        (FEATURE, "din konto ikke har adgang til de påkrævede omfang [content]"),
        (NAME, "Der blev angivet et ugyldigt omfangsnavn"),
        (REDIRECT, "viderestillings-URL matcher ikke den registrerede"),
        (CLIENT, "Der blev angivet et ugyldigt klient-id"),
        (APPROVAL, "denne app ikke er blevet godkendt til at få adgang til omfangene"),
        (PERSON, "Du har ikke tilladelse til at forbinde denne app"),
    ),
    "fi": (
        (REQUIRED, "koska annetut laajuudet ovat riittämättömiä"),
        (MIXED, "asennuksen URL-osoitteen laajuudet eivät vastaa sovelluksen laajuuksia"),
        (FEATURE, "tililläsi ei ole pääsyä vaadittuihin laajuuksiin [content]"),
        (NAME, "Annettiin virheellinen laajuuden nimi"),
        (REDIRECT, "uudelleenohjauksen URL-osoite 'https://a.example/cb' ei vastaa"),
        (CLIENT, "Annettiin virheellinen asiakastunnus"),
        (APPROVAL, "tätä sovellusta ei ole hyväksytty käyttämään laajuuksia"),
        (PERSON, "Sinulla ei ole oikeutta yhdistää tätä sovellusta"),
    ),
    "ja": (
        (REQUIRED, "提供されたスコープが不十分なため、認証に失敗しました。"),
        (REQUIRED, "スコープが不足しています [crm.lists.read]"),
        (MIXED, "インストールURLのスコープとアプリで設定済みのスコープが一致しない"),
        (FEATURE, "アカウントに必要なスコープへのアクセス権がないため [content]"),
        (NAME, "無効なスコープ名が指定されました。"),
        (REDIRECT, "リダイレクトURL「https://a.example/cb」が登録済みのものと一致しません"),
        (CLIENT, "クライアントIDが無効です"),
        (APPROVAL, "このアプリは必要なスコープへのアクセスが承認されていないため"),
        (BLOCKED, "アプリ開発者が利用規定に署名していないため"),
        (PERSON, "このアプリを接続する権限がありません"),
    ),
}


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        pytest.param(message, cause, id=f"{language}-{cause}-{number}")
        for language, texts in TEXTS.items()
        for number, (cause, message) in enumerate(texts)
    ],
)
def test_each_message_is_read_in_each_language(message, cause):
    assert causes(message)[0] == cause


E1 = "Authorization failed because the provided scopes are missing [crm.lists.read, tickets]"
AUTHORIZE = (
    "https://app.hubspot.com/oauth/authorize?client_id=0-1&redirect_uri=https%3A%2F%2Fa.example"
    "%2Fcb&scope=oauth%20content&optional_scope=forms&state=s"
)


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        pytest.param("I clicked connect and got: insufficent scops were provided", REQUIRED, id="slips"),
        pytest.param("lnsufficient scopes were provided", REQUIRED, id="read-off-a-screenshot"),
        pytest.param("Authorisation failed, missmatch between the scopes", MIXED, id="spelling"),
        pytest.param(E1.upper(), REQUIRED, id="upper-case"),
        pytest.param(E1.replace(" ", "\n  "), REQUIRED, id="line-breaks"),
        pytest.param(E1.replace(" ", "\u00a0"), REQUIRED, id="no-break-blanks"),
        pytest.param(f"2026-05-01T10:22:31Z ERROR [oauth] popup: {E1}", REQUIRED, id="log"),
        pytest.param(f"> **Couldn\u2019t complete**\n> `{E1}`", REQUIRED, id="markdown"),
        pytest.param(E1.replace(" ", "+"), REQUIRED, id="plus-signs"),
        pytest.param("error_description=" + quote(E1), REQUIRED, id="url-encoded"),
        pytest.param(json.dumps({"a": json.dumps({"message": E1})}), REQUIRED, id="json-in-json"),
        pytest.param("<p>Couldn&#39;t complete</p><p>" + E1 + "</p>", REQUIRED, id="html"),
        pytest.param("account doesn&rsquo;t have access to some features", FEATURE, id="entity"),
        pytest.param(f"{AUTHORIZE} says: {E1}", REQUIRED, id="url-before"),
        pytest.param(f"{E2} URL: {AUTHORIZE}", MIXED, id="url-behind"),
        pytest.param(f"scope=a&redirect_uri=https://a.example&client_id=1 {E2}", MIXED, id="query"),
        pytest.param(f"First: {E2} Now: {E1}", REQUIRED, id="the-one-with-scopes"),
        pytest.param(f"Request for Integration Permissions. {E2}", MIXED, id="the-more-specific"),
        pytest.param(f"The redirect_uri is right, I looked. {E2}", MIXED, id="another-sentence"),
        pytest.param("redirect URL &#39;https://a.example&#39; doesn&#39;t match", REDIRECT, id="E5-html"),
        pytest.param("Invalid client_id at " + AUTHORIZE, CLIENT, id="E6-url"),
    ],
)  # fmt: skip
def test_what_stands_around_a_message_does_not_matter(message, cause):
    assert causes(message)[0] == cause


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "It does not work",
        "Es geht nicht",
        "Couldn\u2019t complete the connection",
        "what scopes do I need?",
        "I have 500 contacts",
        AUTHORIZE,
        "https://a.example/cb",
        '{"url": "https://a.example/cb"}',
        "redirect_uri",
        "client_id=0-1",
        "[error] something happened in [main.js]",
        "ValueError: bad value at Object.<anonymous> [node:internal/process]",
        "INSUFFICIENT_ACCESS_OR_READONLY: insufficient access rights on object id",
        "The account manager was late; the scope of the project is large.",
        "Call me Ishmael. Some years ago, having little or no money in my purse, I thought I would sail",
        "Der Bereich Vertrieb ist heute geschlossen",
    ],
)
def test_what_says_nothing_is_not_read(text):
    assert read_message(text, Stage.AUTHORIZATION) is None


def test_the_message_is_named_and_its_language_where_only_one_fits():
    found = read_message("Podane zakresy są niewystarczające", Stage.AUTHORIZATION)
    assert found.why == (
        "HubSpot's message matches “required scope missing from the install URL”, in Polish."
    )
    found = read_message("client_id mismatch, invalid", Stage.AUTHORIZATION)
    assert found.why == "HubSpot's message matches “unknown client ID”."


def test_every_message_of_a_text_is_among_the_first_causes():
    found = causes(f"First: {E2} Then: An invalid scope name was provided.")
    assert found[:2] == ["invalid_scope_name", "url_requests_unconfigured_scope"]


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("Engin heimild: [crm.objects.deals.read, tickets]", "url_missing_required_scope"),
        ("Slóðin 'https://a.example/cb' er ekki skráð", "redirect_uri_mismatch"),
        ("Rangt client_id", "client_id_invalid"),
    ],
)
def test_a_language_that_nobody_knows_is_read_by_its_structure(message, cause):
    assert causes(message)[0] == cause
    assert (
        "language isn't known"
        in diagnose(Evidence(stage=Stage.AUTHORIZATION, message=message)).candidates[0].why
    )


@pytest.mark.parametrize(
    ("stage", "message", "cause"),
    [
        (Stage.TOKEN, '{"status":"BAD_CLIENT_SECRET","message":"x"}', "client_secret_invalid"),
        (Stage.TOKEN, "missing or unknown auth code", "code_expired_or_reused"),
        (Stage.TOKEN, "400 during the exchange", "client_secret_invalid"),
        (Stage.TOKEN, '{"error":"invalid_client"}', "client_secret_invalid"),
        (Stage.TOKEN, "EXPIRED_AUTH_CODE", "code_expired_or_reused"),
        (Stage.TOKEN, "invalid_grant", "code_expired_or_reused"),
        (Stage.TOKEN, "MISMATCH_REDIRECT_URI_AUTH_CODE", "redirect_uri_mismatch"),
        (Stage.TOKEN, "missing or unknown client id", "client_id_invalid"),
        (Stage.TOKEN, "415 Unsupported Media Type", "token_request_malformed"),
        (Stage.TOKEN, "BAD_CODE_VERIFIER", "pkce_mismatch"),
        (Stage.REFRESH, "invalid_grant", "refresh_token_invalid"),
        (Stage.REFRESH, "refresh token is invalid, expired or revoked", "refresh_token_invalid"),
        (Stage.REFRESH, "Failed to refresh: 400", "refresh_token_invalid"),
        (Stage.CALLBACK, "https://a.example/cb?error=access_denied&state=s", "user_denied"),
        (Stage.CALLBACK, "The OAuth callback state is invalid!", "state_mismatch"),
        (Stage.CALLBACK, "error=invalid_scope", "invalid_scope_name"),
        (Stage.AUTHORIZATION, "The popup was closed", "never_returned"),
        (Stage.AUTHORIZATION, "The contacts scope is deprecated", "deprecated_scope"),
        (Stage.AUTHORIZATION, "scopes must be separated by spaces", "scopes_badly_encoded"),
        (Stage.API, "This app hasn\u2019t been granted all required scopes", "token_lacks_scope"),
        (Stage.API, "Missing scopes: crm.lists.read", "token_lacks_scope"),
        (Stage.API, "needs [crm.lists.read]", "token_lacks_scope"),
        (Stage.API, "401 Unauthorized", "token_expired"),
        (Stage.API, "You have reached your secondly limit.", "rate_limited"),
        (Stage.API, "429 Too Many Requests", "rate_limited"),
        (Stage.REFRESH, "400 Client Error (BAD_REFRESH_TOKEN)", "refresh_token_invalid"),
        (
            Stage.API,
            "The OAuth token used to make this call expired 5 hour(s) ago.",
            "token_expired",
        ),
        (Stage.API, '{"category":"MISSING_SCOPES"}', "token_lacks_scope"),
        (Stage.API, "403 on a search", "token_lacks_scope"),
        (Stage.API, "Hub 1 is unknown to this Hublet, but exists in eu1", "wrong_region"),
        (Stage.API, "HTTP 504 gateway", "hubspot_unavailable"),
    ],
)
def test_words_of_the_token_endpoint_and_the_api(stage, message, cause):
    assert causes(message, stage)[0] == cause


def test_an_ambiguous_message_names_every_possibility():
    assert set(causes(E2)) == MISMATCH


def test_the_url_decides_what_the_message_leaves_open():
    without_oauth = RequestedScopes(("crm.objects.contacts.read",))
    assert causes(E2, requested=without_oauth)[0] == "missing_oauth_scope"
    legacy = RequestedScopes(("oauth", "contacts"))
    assert causes("Insufficient scopes were provided", requested=legacy)[0] == "deprecated_scope"
    joined = RequestedScopes(("contacts,oauth",))
    assert causes("", requested=joined)[0] == "scopes_badly_encoded"


def test_the_rules_outrank_the_wording_where_url_and_app_are_known():
    app = AppConfiguration(required=("tickets",), optional=("forms",))
    requested = RequestedScopes(("oauth", "tickets", "forms"))
    found = causes("Insufficient scopes were provided", requested=requested, app=app)
    assert found[0] == "scope_in_wrong_parameter"
    assert "url_missing_required_scope" in found


@pytest.mark.parametrize(
    ("text", "scopes"),
    [
        ("missing [a.b.read, tickets]", ("a.b.read", "tickets")),
        ("missing ['a.b.read','a.b.read']", ("a.b.read",)),
        ("[see here]", ()),
        ("[error] [main.js]", ()),
        ("missing [CRM.LISTS.READ, E-COMMERCE]", ("crm.lists.read", "e-commerce")),
        ("missing [`crm.lists.read` crm.export]", ("crm.lists.read", "crm.export")),
        ("missing %5Bcrm.lists.read%5D", ("crm.lists.read",)),
        (r"\"requiredScopes\":[\"crm.lists.read\"]", ("crm.lists.read",)),
        ("403 MISSING_SCOPES citing crm.lists.read", ("crm.lists.read",)),
        ("[]", ()),
        ("array[0]", ()),
        ("scopes are missing crm.x.read/write, which", ("crm.x.read", "crm.x.write")),
        (
            json.dumps({"errors": [{"context": {"requiredGranularScopes": ["crm.x.read", 7]}}]}),
            ("crm.x.read",),
        ),
        (json.dumps({"errors": [{"context": {"requiredScopes": ["tickets"]}}]}), ("tickets",)),
        (json.dumps({"errors": {"context": []}}), ()),
    ],
)
def test_the_scopes_that_a_message_names(text, scopes):
    assert scopes_named(text) == scopes


def test_the_scopes_of_a_message_are_those_of_the_diagnosis():
    message = (
        "Authorization failed because your account lacks access to the required scopes [content]"
    )
    assert diagnose(Evidence(stage=Stage.AUTHORIZATION, message=message)).scopes == ("content",)


def test_quotes_accents_blanks_and_case_do_not_matter():
    assert fold("Couldn\u2019t\u00a0\n COMPLETE \u201cit\u201d") == 'couldn\'t complete "it"'
    assert fold("Autorisation ÉCHOUÉE, æ ø Ł") == "autorisation echouee, ae o l"
    assert fold("スコープが") == "スコープが"


@given(st.text(max_size=300))
def test_what_is_folded_stays_as_it_is(text):
    assert fold(fold(text)) == fold(text)


@given(st.text(max_size=300), st.sampled_from(Stage))
def test_any_text_is_read_without_an_exception(text, stage):
    read = read_message(text, stage)
    assert read is None or len(set(read.causes)) == len(read.causes) > 0
    found = diagnose(Evidence(stage=stage, message=text))
    assert found.candidates
    assert len({candidate.cause for candidate in found.candidates}) == len(found.candidates)
    assert found.cause in Cause


ALL_TEXTS = [(cause, text) for texts in TEXTS.values() for cause, text in texts]
AROUND = st.sampled_from(
    ["", "Hello, ", "I got this: ", "\n\n", "Bonjour. ", "Screenshot 1. ", AUTHORIZE + " \n"]
)
CHANGES = st.sampled_from(
    [
        str,
        str.upper,
        lambda text: text.replace("'", "\u2019"),
        lambda text: text.replace("'", "&#39;"),
        lambda text: text.replace(" ", "\u00a0 \n"),
        lambda text: unicodedata.normalize("NFD", text),
        lambda text: json.dumps({"status": "error", "message": text}),
        lambda text: f"<div>{text}</div>",
        lambda text: f"\u201c{text}\u201d",
    ]
)


@given(st.sampled_from(ALL_TEXTS), AROUND, AROUND, CHANGES)
def test_wrapping_and_writing_leave_the_first_cause(known, before, behind, change):
    cause, text = known
    assert causes(f"{before}{change(text)}. {behind}")[0] == cause


def test_every_language_has_words_for_every_message():
    tables = tomllib.loads(_pages_toml())
    every = tables.pop("every")
    wanted = {idea for page in PAGES for idea in (page.subject, *page.said)}
    wanted -= {"deprecated", "joined"}
    for language, table in tables.items():
        assert wanted <= every.keys() | table.keys(), language


def test_the_words_are_written_as_texts_are_folded():
    for table in tomllib.loads(_pages_toml()).values():
        for pattern in (pattern for patterns in table.values() for pattern in patterns):
            assert fold(pattern) == pattern.strip(), pattern


def _pages_toml():
    return resources.files("oauth_helper.diagnosis").joinpath("error_pages.toml").read_text("utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 10_000,
        "[a," * 5000,
        "'http://" + "a" * 10_000,
        "'http://" * 1000,
        "scope " * 5000,
        "scope mismatch " * 1000,
        "nicht zugriff richtlinie " * 500,
        "ikke omfang " * 1000,
        "スコープ" * 2000,
        "missing " + "a.read" * 2000,
        "a." * 10_000,
        "\\" * 9000,
        "<a " * 3000,
        "&" * 9000,
        "%20" * 3000,
        '"scope": "' * 1000,
        "\ufdfa" * 9000,
        "\u00ad" * 9000,
    ],
)
def test_no_text_takes_long(text):
    began = time.process_time()
    read_message(text, Stage.API)
    assert time.process_time() - began < 1
    assert len(fold(text)) <= MAX_TEXT
