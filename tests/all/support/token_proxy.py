"""Passes requests on to a server, with a token. Called with where the server is, and the token; says where it listens."""

import http.client
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SERVER, TOKEN = sys.argv[1:]
OWN = ("connection", "content-length", "transfer-encoding")


class Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in OWN}
        headers["Authorization"] = "Bearer " + TOKEN
        connection = http.client.HTTPConnection(SERVER)
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in OWN:
                self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while part := answer.read1(65536):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = do_DELETE = pass_on

    def log_message(self, *_):
        pass


with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
    print("listening at", server.server_port, file=sys.stderr, flush=True)
    server.serve_forever()
