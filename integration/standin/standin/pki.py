"""X.509 as kubeadm makes it: RSA 2048, one year (CA ten years), five minutes backdated."""
import datetime
import hashlib
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
YEAR = 365 * 24 * 3600


def new_key(algorithm: str = "RSA-2048"):
    if algorithm == "ECDSA-P256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=int(algorithm.split("-")[1]))


def _name(common: str, organizations=()) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, o) for o in organizations]
    return x509.Name(parts + [x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _alternative(name: str):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(ca: bool, encipherment: bool) -> x509.KeyUsage:
    return x509.KeyUsage(digital_signature=True, content_commitment=False, key_encipherment=encipherment,
                         data_encipherment=False, key_agreement=False, key_cert_sign=ca, crl_sign=False,
                         encipher_only=False, decipher_only=False)


def _builder(subject, issuer, public_key, not_before, not_after):
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public_key)
            .serial_number(x509.random_serial_number()).not_valid_before(not_before).not_valid_after(not_after))


def _now():
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def self_signed_ca(common: str, key, seconds: float = 10 * YEAR):
    before = _now() - datetime.timedelta(minutes=5)
    name = _name(common)
    builder = _builder(name, name, key.public_key(), before, before + datetime.timedelta(seconds=seconds))
    builder = (builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
               .add_extension(_usage(ca=True, encipherment=True), critical=True)
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
               .add_extension(x509.SubjectAlternativeName([x509.DNSName(common)]), critical=False))
    return builder.sign(key, hashes.SHA256())


def issue(ca_cert, ca_key, public_key, common: str, organizations=(), usages=(CLIENT,), names=(),
          seconds: float = YEAR, subject=None):
    """A certificate signed by the CA; it never outlives the CA."""
    before = _now() - datetime.timedelta(minutes=5)
    after = min(_now() + datetime.timedelta(seconds=seconds), not_after(ca_cert))
    builder = _builder(subject or _name(common, organizations), ca_cert.subject, public_key, before, after)
    builder = (builder.add_extension(_usage(ca=False, encipherment=isinstance(public_key, rsa.RSAPublicKey)), True)
               .add_extension(x509.ExtendedKeyUsage(list(usages)), critical=False)
               .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
               .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), False))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(n) for n in names]), False)
    return builder.sign(ca_key, hashes.SHA256())


def request(key, common: str, organizations=()) -> bytes:
    """A certificate signing request, PEM."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(common, organizations))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def cert_pem(cert) -> bytes:
    return cert.public_bytes(serialization.Encoding.PEM)


def key_pem(key) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                             serialization.NoEncryption())


def public_pem(key) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM,
                                         serialization.PublicFormat.SubjectPublicKeyInfo)


def load_cert(pem: bytes):
    return x509.load_pem_x509_certificate(pem)


def load_key(pem: bytes):
    return serialization.load_pem_private_key(pem, None)


def not_after(cert) -> datetime.datetime:
    """With time zone; the name of the property differs between versions of the library."""
    if hasattr(cert, "not_valid_after_utc"):
        return cert.not_valid_after_utc
    return cert.not_valid_after.replace(tzinfo=datetime.timezone.utc)


def common_name(subject) -> str:
    found = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return found[0].value if found else ""


def organizations(subject) -> list[str]:
    return [a.value for a in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]


def alternative_names(cert) -> list[str]:
    try:
        names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(n.value) for n in names]


def signed_by(cert, ca) -> bool:
    from cryptography.hazmat.primitives.asymmetric import padding
    key = ca.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(cert.signature, cert.tbs_certificate_bytes, padding.PKCS1v15(), cert.signature_hash_algorithm)
        else:
            key.verify(cert.signature, cert.tbs_certificate_bytes, ec.ECDSA(cert.signature_hash_algorithm))
    except Exception:
        return False
    return True


def pin(cert) -> str:
    """sha256:<hex> over the DER SubjectPublicKeyInfo: what kubeadm calls the CA certificate hash."""
    spki = cert.public_key().public_bytes(serialization.Encoding.DER,
                                          serialization.PublicFormat.SubjectPublicKeyInfo)
    return "sha256:" + hashlib.sha256(spki).hexdigest()
