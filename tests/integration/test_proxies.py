"""Forward proxies: plain requests in absolute form, tunnels for https."""

from __future__ import annotations

from certificates import Authority
from connect_proxy import ConnectProxy
from waybill_harness import CANARY, HarnessTestCase, canned, main, settings_for

ORIGIN = "https://provider.test/v1"


class Tunnels(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.authority = self.own(Authority())
        self.provider = self.upstream(canned.plain("inside"), tls=self.authority.server_context("provider.test"))

    def through(self, proxy: ConnectProxy, origin: str = ORIGIN, **members):  # noqa: ANN003, ANN201
        provider = {"proxy": proxy.url, "ca_file": str(self.authority.root), **members}
        return self.daemon(settings_for(origin, provider_members=provider, workers=1))

    def test_an_https_provider_is_reached_through_a_tunnel(self) -> None:
        proxy = self.own(ConnectProxy(self.provider.port))
        server = self.through(proxy)
        for _ in range(3):
            self.assertEqual(server.chat().text(), "inside")
        self.assertEqual(len(proxy.heads), 1, "the tunnel is kept and used again")
        lines = proxy.heads[0].split(b"\r\n")
        self.assertEqual(lines[0], b"CONNECT provider.test:443 HTTP/1.1")
        self.assertIn(b"Host: provider.test:443", lines)
        # The request itself stays between us and the provider.
        sent = self.provider.wait_for_requests(3)[0]
        self.assertEqual(sent.target, "/v1/chat/completions")
        self.assertEqual(sent.header("host"), "provider.test")
        self.assertIn(CANARY, sent.header("authorization") or "")
        self.assertNotIn(CANARY.encode(), proxy.carried + proxy.heads[0])

    def test_streams_pass_through_a_tunnel(self) -> None:
        self.provider.script(canned.stream(("one ", "two ", "three")))
        answer = self.through(self.own(ConnectProxy(self.provider.port))).chat(stream=True)
        self.assert_clean_stream(answer)
        self.assertEqual(answer.text(), "one two three")

    def test_the_certificate_is_the_providers_not_the_proxys(self) -> None:
        proxy = self.own(ConnectProxy(self.provider.port))
        answer = self.through(proxy, "https://other.test:8443/v1").chat()
        self.assertEqual(self.assert_error(answer, 502)["type"], "upstream_tls_failed")
        self.assertTrue(proxy.heads[0].startswith(b"CONNECT other.test:8443 "))
        self.assertEqual(len(self.provider.requests), 0)

    def test_a_proxy_that_opens_no_tunnel_is_a_502(self) -> None:
        for said in (
            b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.test/\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 70000 + b"\r\n\r\n",
            b"",
        ):
            with self.subTest(said[:20]):
                proxy = self.own(ConnectProxy(self.provider.port, answer=said))
                answer = self.through(proxy).chat()
                self.assertEqual(self.assert_error(answer, 502)["type"], "upstream_unreachable")
                self.assertEqual(len(self.provider.requests), 0)

    def test_a_proxy_over_https_is_refused_with_a_sentence(self) -> None:
        settings = settings_for(ORIGIN, provider_members={"proxy": "https://proxy.test:3128"})
        server = self.daemon(settings, key=None, start=False)
        checked = server.command("check")
        self.assertEqual(checked.returncode, 2)
        self.assertIn("A proxy is spoken to over plain http", checked.stdout + checked.stderr)


if __name__ == "__main__":
    main()
