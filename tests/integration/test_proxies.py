"""Forward proxies: plain requests in absolute form, tunnels for https."""

from __future__ import annotations

from certificates import Authority
from connect_proxy import ConnectProxy
from waybill_harness import CANARY, Daemon, HarnessTestCase, canned, main, settings_for, wait_until

ORIGIN = "https://provider.test/v1"


class Tunnels(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.authority = self.own(Authority())
        self.provider = self.upstream(canned.plain("inside"), tls=self.authority.server_context("provider.test"))

    def through(self, proxy: ConnectProxy, origin: str = ORIGIN, *, env=None, **members):  # noqa: ANN001, ANN003, ANN201
        provider = {"proxy": proxy.url, "ca_file": str(self.authority.root), **members}
        return self.daemon(settings_for(origin, provider_members=provider, workers=1), env=env)

    def logged(self, server: Daemon, *words: str) -> None:
        """The log is written by a thread of its own."""
        wait_until(lambda: all(word in server.log_text() for word in words), f"{words} in the log")

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
        server = self.through(proxy, "https://other.test:8443/v1")
        self.assertEqual(self.assert_error(server.chat(), 502)["type"], "upstream_tls_failed")
        self.logged(server, "provider_trouble", "ostname mismatch")
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

    def test_an_https_proxy_carries_tls_within_tls(self) -> None:
        self.provider.script(canned.stream(tuple(f"{number} " for number in range(200))))
        proxy = self.own(ConnectProxy(self.provider.port, tls=self.authority.server_context("IP:127.0.0.1")))
        server = self.through(proxy, proxy_ca_file=str(self.authority.root))
        # Both ways in many records of both layers.
        question = [{"role": "user", "content": "word " * 50_000}]
        for _ in range(2):
            answer = server.chat(stream=True, messages=question)
            self.assert_clean_stream(answer)
            self.assertEqual(answer.text(), "".join(f"{number} " for number in range(200)))
        self.assertEqual(len(proxy.heads), 1, "the tunnel is kept and used again")
        self.assertTrue(proxy.heads[0].startswith(b"CONNECT provider.test:443 HTTP/1.1"))
        self.assertIn(b"word " * 1000, self.provider.requests[0].body)
        self.assertNotIn(CANARY.encode(), proxy.carried)
        self.assertNotIn(b"word word", proxy.carried)

    def test_an_https_proxy_must_prove_who_it_is(self) -> None:
        other = self.own(Authority())
        for what, context in (
            ("of another authority", other.server_context("IP:127.0.0.1")),
            ("for another name", self.authority.server_context("proxy.test")),
        ):
            with self.subTest(what):
                proxy = self.own(ConnectProxy(self.provider.port, tls=context))
                server = self.through(
                    proxy, proxy_ca_file=str(self.authority.root), proxy_credentials=f"user:{CANARY}-proxy"
                )
                answer = server.chat()
                self.assertEqual(self.assert_error(answer, 502)["type"], "upstream_unreachable")
                self.assertEqual(proxy.heads, [], "nothing was said to it")

    def test_the_providers_authority_is_not_trusted_for_the_proxy(self) -> None:
        proxy = self.own(ConnectProxy(self.provider.port, tls=self.authority.server_context("IP:127.0.0.1")))
        answer = self.through(proxy).chat()
        self.assertEqual(self.assert_error(answer, 502)["type"], "upstream_unreachable")
        self.assertEqual(proxy.heads, [])

    def test_a_proxy_gets_its_credentials_and_the_provider_does_not(self) -> None:
        secret = f"waybill:{CANARY}-proxy: with blanks"
        proxy = self.own(ConnectProxy(self.provider.port, credentials=secret))
        server = self.through(proxy, proxy_credentials="${env:PROXY_CREDENTIALS}", env={"PROXY_CREDENTIALS": secret})
        self.assertEqual(server.chat().text(), "inside")
        self.assertIsNone(self.provider.wait_for_requests(1)[0].header("proxy-authorization"))

    def test_wrong_credentials_are_a_502_that_names_the_setting(self) -> None:
        proxy = self.own(ConnectProxy(self.provider.port, credentials="right:one"))
        server = self.through(proxy, proxy_credentials="wrong:one")
        self.assertEqual(self.assert_error(server.chat(), 502)["type"], "upstream_unreachable")
        # The client need not know of proxies, the operator must.
        self.logged(server, "proxy_failed", "see the provider's proxy_credentials")

    def test_a_plain_provider_is_asked_through_an_https_proxy(self) -> None:
        proxy = self.upstream(canned.plain("in absolute form"), tls=self.authority.server_context("IP:127.0.0.1"))
        settings = settings_for(
            "http://provider.test/v1",
            provider_members={
                "proxy": f"https://127.0.0.1:{proxy.port}",
                "proxy_ca_file": str(self.authority.root),
                "proxy_credentials": "user:password",
                "allow_plain_http": True,
            },
        )
        self.assertEqual(self.daemon(settings).chat().text(), "in absolute form")
        sent = proxy.wait_for_requests(1)[0]
        self.assertEqual(sent.target, "http://provider.test/v1/chat/completions")
        self.assertEqual(sent.header("proxy-authorization"), "Basic dXNlcjpwYXNzd29yZA==")


if __name__ == "__main__":
    main()
