// What must not be written down is not, in whatever spelling.
import t from 'tap'
import { makeSecrets } from '../../lib/replay/secrets.js'

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const SASL = 'xmlns=\'urn:ietf:params:xml:ns:xmpp-sasl\''

t.test('log-in', async (t) => {
  const { hide } = makeSecrets()
  t.equal(hide(`<auth ${SASL} mechanism='PLAIN'>${base64('\0romeo\0montague!')}</auth>`), `<auth ${SASL} mechanism='PLAIN'>[PLAIN: authzid='' authcid NUL password]</auth>`)
  t.equal(hide(`<auth ${SASL} mechanism='SCRAM-SHA-1'>${base64('n,,n=romeo,r=abc')}</auth>`), `<auth ${SASL} mechanism='SCRAM-SHA-1'>[client-first: gs2=n,,]</auth>`)
  t.equal(hide(`<challenge ${SASL}>${base64('r=abcdef,s=c2FsdA==,i=10000')}</challenge>`), `<challenge ${SASL}>[server-first: r= s= i=10000]</challenge>`)
  t.equal(hide(`<response ${SASL}>${base64('c=biws,r=abcdef,p=proof')}</response>`), `<response ${SASL}>[client-final: c= r= p=]</response>`)
  t.equal(hide(`<success ${SASL}>${base64('v=signature')}</success>`), `<success ${SASL}>[server-final: v=]</success>`)
  t.equal(hide(`<success ${SASL}/>`), `<success ${SASL}/>`)
  t.equal(hide(`<response ${SASL}>${base64('username="romeo",digest-uri="x"')}</response>`), `<response ${SASL}>[response]</response>`)
  t.equal(hide(`<sasl:auth xmlns:sasl='x'><![CDATA[${base64('n,,n=romeo,r=abc')}]]></sasl:auth>`), '<sasl:auth xmlns:sasl=\'x\'>[client-first: gs2=n,,]</sasl:auth>')
})

t.test('SASL2 and FAST', async (t) => {
  const { hide } = makeSecrets()
  const said = hide(`<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'><initial-response>${base64('romeo\0hash')}</initial-response></authenticate>`)
  t.equal(said, '<authenticate xmlns=\'urn:xmpp:sasl:2\' mechanism=\'HT-SHA-256-NONE\'><initial-response>[initial-response]</initial-response></authenticate>')
  t.equal(hide('<success xmlns=\'urn:xmpp:sasl:2\'><authorization-identifier>romeo@x/a</authorization-identifier><token xmlns=\'urn:xmpp:fast:0\' expiry=\'2030\' token="tok"/></success>'),
    '<success xmlns=\'urn:xmpp:sasl:2\'><authorization-identifier>romeo@x/a</authorization-identifier><token xmlns=\'urn:xmpp:fast:0\' expiry=\'2030\' token=\'[TOKEN]\'/></success>')
})

t.test('passwords of registration and of forms, tokens of services and uploads', async (t) => {
  const { hide } = makeSecrets()
  t.equal(hide('<iq><query xmlns="jabber:iq:register"><username>romeo</username><password>a&amp;b</password></query></iq>'), '<iq><query xmlns="jabber:iq:register"><username>romeo</username><password>[PASSWORD]</password></query></iq>')
  t.equal(hide('<iq><query xmlns="jabber:iq:auth"><digest>abc</digest></query></iq>'), '<iq><query xmlns="jabber:iq:auth"><digest>[DIGEST]</digest></query></iq>')
  t.equal(hide('<x><field type="text-private" var="password"><value>geheim</value></field><field var="name"><value>romeo</value></field></x>'), '<x><field type="text-private" var="password"><value>[SECRET]</value></field><field var="name"><value>romeo</value></field></x>')
  t.equal(hide('<service host=\'turn\' username=\'1\' password="xyz"/>'), '<service host=\'turn\' username=\'1\' password=\'[PASSWORD]\'/>')
  t.equal(hide('<slot><put url=\'https://up/abc?token=1\'><header name=\'Authorization\'>Basic x</header></put><get url=\'https://up/abc\'/></slot>'), '<slot><put url=\'[URL]\'><header name=\'Authorization\'>[HEADER]</header></put><get url=\'https://up/abc\'/></slot>')
})

t.test('a session\'s key has another name, everywhere the same', async (t) => {
  const { hide } = makeSecrets()
  t.equal(hide('<enabled xmlns=\'urn:xmpp:sm:3\' id=\'k1\' resume=\'true\'/>'), '<enabled xmlns=\'urn:xmpp:sm:3\' id=\'[session 1]\' resume=\'true\'/>')
  t.equal(hide('<enabled id="k2" xmlns=\'urn:xmpp:sm:3\'/>'), '<enabled id=\'[session 2]\' xmlns=\'urn:xmpp:sm:3\'/>')
  t.equal(hide('<resume xmlns=\'urn:xmpp:sm:3\' h=\'5\' previd="k1"/>'), '<resume xmlns=\'urn:xmpp:sm:3\' h=\'5\' previd=\'[session 1]\'/>')
})

t.test('a password that was seen is hidden wherever it turns up', async (t) => {
  const { hide } = makeSecrets()
  hide(`<auth ${SASL} mechanism='PLAIN'>${base64('\0romeo\0montague!')}</auth>`)
  t.equal(hide('<message><body>my password is montague!</body></message>'), '<message><body>my password is [PASSWORD]</body></message>')
})

t.test('what is no secret stays, octet by octet', async (t) => {
  const { hide } = makeSecrets()
  for (const xml of ['<message><body>auth, response &amp; token</body></message>', '<authors>x</authors>', '<iq id=\'k1\'><query xmlns=\'jabber:iq:register\'><password/></query></iq>', '<presence/>', ' ']) t.equal(hide(xml), xml)
})
