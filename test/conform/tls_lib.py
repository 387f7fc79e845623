# SPDX-License-Identifier: MIT
"""tls_lib - certificates of a test's own, made with the openssl program, and little TLS servers and clients."""
import os
import socket
import ssl
import subprocess

from api_lib import WAIT


class Authority:
    """A CA in a folder, and the certificates it signs: NAME.pem, NAME.key, NAME.both (certificate and key)."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = folder, name
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=test " + name,
                 "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", self.path(name + ".key"), "-out", self.path(name + ".pem"))

    def run(self, *argv, text=None):
        done = subprocess.run(["openssl", *argv], input=text, capture_output=True, text=True, timeout=WAIT, check=False)
        if done.returncode != 0:
            raise RuntimeError("openssl %s: %s" % (" ".join(argv), done.stderr))
        return done.stdout

    def path(self, name):
        return os.path.join(self.folder, name)

    def sign(self, file, subject, names=(), days=1, curve="P-256"):
        """A fresh key and certificate; names such as DNS:a.example. days below 0: it has expired."""
        self.run("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:" + curve, "-nodes", "-subj", "/CN=" + subject,
                 "-keyout", self.path(file + ".key"), "-out", self.path(file + ".csr"))
        with open(self.path(file + ".ext"), "w") as f:
            f.write("basicConstraints=CA:FALSE\n" + ("subjectAltName=%s\n" % ",".join(names) if names else ""))
        if days > 0:
            dates = ["-days", str(days)]
            self.run("x509", "-req", "-in", self.path(file + ".csr"), "-CA", self.path(self.name + ".pem"), "-CAkey", self.path(self.name + ".key"),
                     "-CAcreateserial", "-extfile", self.path(file + ".ext"), *dates, "-out", self.path(file + ".pem"))
        else:
            self.sign_expired(file)
        with open(self.path(file + ".both"), "w") as f:
            f.write(open(self.path(file + ".pem")).read() + open(self.path(file + ".key")).read())
        return self.path(file + ".pem")

    def sign_expired(self, file):
        open(self.path("index.txt"), "w").close()
        with open(self.path("serial"), "w") as f:
            f.write("77\n")
        with open(self.path("ca.cnf"), "w") as f:
            f.write("[ca]\ndefault_ca=c\n[c]\ndatabase=%s\nserial=%s\nnew_certs_dir=%s\ndefault_md=sha256\npolicy=p\nunique_subject=no\n"
                    "[p]\ncommonName=supplied\n" % (self.path("index.txt"), self.path("serial"), self.folder))
        self.run("ca", "-batch", "-notext", "-config", self.path("ca.cnf"), "-in", self.path(file + ".csr"), "-cert", self.path(self.name + ".pem"),
                 "-keyfile", self.path(self.name + ".key"), "-extfile", self.path(file + ".ext"), "-startdate", "20200101000000Z",
                 "-enddate", "20210101000000Z", "-out", self.path(file + ".pem"))

    def trusting(self, **kw):
        """A client's context that trusts this authority."""
        context = ssl.create_default_context(cafile=self.path(self.name + ".pem"))
        for key, value in kw.items():
            setattr(context, key, value)
        return context

    def serving(self, file):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path(file + ".pem"), self.path(file + ".key"))
        return context


def tls_dial(address, context, name=None):
    host, port = address.rsplit(":", 1)
    s = socket.create_connection((host, int(port)), WAIT)
    try:
        return context.wrap_socket(s, server_hostname=name)
    except BaseException:
        s.close()
        raise


def common_name(s):
    """Of the other end's certificate."""
    return dict(x[0] for x in s.getpeercert()["subject"])["commonName"]
