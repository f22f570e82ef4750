// OpenSSL's default provider, reduced to what an HTTPS client, SHA-256, HMAC and the reading of certificates need.
// libcrypto.a's own lists every algorithm that OpenSSL has, and so links and announces all of them: Camellia, ARIA, SM4,
// DES, DSA, encoders. This file defines the same entry point with shorter lists; as an object it wins over the archive's
// member. The algorithms are Debian's, unchanged. docs/decisions/0005-what-is-left-out-of-the-binary.md;
// tests/build/tls_peers.py asks servers of every kind that must still be understood.
#include <openssl/bio.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/opensslv.h>

static_assert(OPENSSL_VERSION_MAJOR == 3 && OPENSSL_VERSION_MINOR == 0, "compare with the provider of this OpenSSL");

extern "C" {

// Internal names of libcrypto 3.0: providers/common and providers/implementations/include/prov/implementations.h.
struct prov_ctx_st;
prov_ctx_st* ossl_prov_ctx_new();
void ossl_prov_ctx_free(prov_ctx_st*);
void ossl_prov_ctx_set0_libctx(prov_ctx_st*, OSSL_LIB_CTX*);
void ossl_prov_ctx_set0_handle(prov_ctx_st*, const OSSL_CORE_HANDLE*);
void ossl_prov_ctx_set0_core_bio_method(prov_ctx_st*, BIO_METHOD*);
BIO_METHOD* ossl_prov_ctx_get0_core_bio_method(prov_ctx_st*);
int ossl_prov_bio_from_dispatch(const OSSL_DISPATCH*);
int ossl_prov_seeding_from_dispatch(const OSSL_DISPATCH*);
BIO_METHOD* ossl_bio_prov_init_bio_method();
int ossl_prov_get_capabilities(void*, const char*, OSSL_CALLBACK*, void*);

extern const OSSL_DISPATCH ossl_sha1_functions[], ossl_sha224_functions[], ossl_sha256_functions[],
    ossl_sha384_functions[], ossl_sha512_functions[], ossl_aes256ecb_functions[], ossl_aes128cbc_functions[],
    ossl_aes256cbc_functions[], ossl_aes256ctr_functions[], ossl_aes128gcm_functions[], ossl_aes256gcm_functions[],
    ossl_chacha20_ossl_poly1305_functions[], ossl_hmac_functions[], ossl_kdf_hkdf_functions[],
    ossl_kdf_tls1_3_kdf_functions[], ossl_kdf_tls1_prf_functions[], ossl_drbg_ctr_functions[],
    ossl_seed_src_functions[], ossl_ecdh_keyexch_functions[], ossl_x25519_keyexch_functions[],
    ossl_rsa_signature_functions[], ossl_ecdsa_signature_functions[], ossl_ed25519_signature_functions[],
    ossl_mac_legacy_hmac_signature_functions[], ossl_rsa_asym_cipher_functions[], ossl_rsa_keymgmt_functions[],
    ossl_rsapss_keymgmt_functions[], ossl_ec_keymgmt_functions[], ossl_x25519_keymgmt_functions[],
    ossl_ed25519_keymgmt_functions[], ossl_mac_legacy_keymgmt_functions[],
    ossl_PrivateKeyInfo_der_to_rsa_decoder_functions[], ossl_SubjectPublicKeyInfo_der_to_rsa_decoder_functions[],
    ossl_type_specific_keypair_der_to_rsa_decoder_functions[],
    ossl_SubjectPublicKeyInfo_der_to_rsapss_decoder_functions[], ossl_PrivateKeyInfo_der_to_ec_decoder_functions[],
    ossl_SubjectPublicKeyInfo_der_to_ec_decoder_functions[], ossl_type_specific_no_pub_der_to_ec_decoder_functions[],
    ossl_PrivateKeyInfo_der_to_ed25519_decoder_functions[],
    ossl_SubjectPublicKeyInfo_der_to_ed25519_decoder_functions[],
    ossl_SubjectPublicKeyInfo_der_to_der_decoder_functions[], ossl_pem_to_der_decoder_functions[];

}  // extern "C"

namespace {

constexpr const char* by_default = "provider=default";
constexpr OSSL_ALGORITHM end{nullptr, nullptr, nullptr, nullptr};

constexpr OSSL_ALGORITHM as(const char* names, const OSSL_DISPATCH* functions, const char* properties = by_default) {
    return {names, properties, functions, nullptr};
}

// All names of an algorithm, as OpenSSL's providers/implementations/include/prov/names.h has them.
constexpr OSSL_ALGORITHM digests[] = {as("SHA1:SHA-1:SSL3-SHA1:1.3.14.3.2.26", ossl_sha1_functions),
                                      as("SHA2-224:SHA-224:SHA224:2.16.840.1.101.3.4.2.4", ossl_sha224_functions),
                                      as("SHA2-256:SHA-256:SHA256:2.16.840.1.101.3.4.2.1", ossl_sha256_functions),
                                      as("SHA2-384:SHA-384:SHA384:2.16.840.1.101.3.4.2.2", ossl_sha384_functions),
                                      as("SHA2-512:SHA-512:SHA512:2.16.840.1.101.3.4.2.3", ossl_sha512_functions),
                                      end};

constexpr OSSL_ALGORITHM ciphers[] = {
    as("AES-256-ECB:2.16.840.1.101.3.4.1.41", ossl_aes256ecb_functions),  // with CTR: the random generator
    as("AES-256-CTR", ossl_aes256ctr_functions),
    as("AES-128-CBC:AES128:2.16.840.1.101.3.4.1.2", ossl_aes128cbc_functions),
    as("AES-256-CBC:AES256:2.16.840.1.101.3.4.1.42", ossl_aes256cbc_functions),
    as("AES-128-GCM:id-aes128-GCM:2.16.840.1.101.3.4.1.6", ossl_aes128gcm_functions),
    as("AES-256-GCM:id-aes256-GCM:2.16.840.1.101.3.4.1.46", ossl_aes256gcm_functions),
    as("ChaCha20-Poly1305", ossl_chacha20_ossl_poly1305_functions),
    end};

constexpr OSSL_ALGORITHM macs[] = {as("HMAC", ossl_hmac_functions), end};

constexpr OSSL_ALGORITHM key_derivations[] = {as("HKDF", ossl_kdf_hkdf_functions),
                                              as("TLS13-KDF", ossl_kdf_tls1_3_kdf_functions),
                                              as("TLS1-PRF", ossl_kdf_tls1_prf_functions), end};

constexpr OSSL_ALGORITHM random_generators[] = {as("CTR-DRBG", ossl_drbg_ctr_functions),
                                                as("SEED-SRC", ossl_seed_src_functions), end};

constexpr OSSL_ALGORITHM key_exchanges[] = {as("ECDH", ossl_ecdh_keyexch_functions),
                                            as("X25519:1.3.101.110", ossl_x25519_keyexch_functions), end};

constexpr OSSL_ALGORITHM signatures[] = {as("RSA:rsaEncryption:1.2.840.113549.1.1.1", ossl_rsa_signature_functions),
                                         as("ECDSA", ossl_ecdsa_signature_functions),
                                         as("ED25519:1.3.101.112", ossl_ed25519_signature_functions),
                                         as("HMAC", ossl_mac_legacy_hmac_signature_functions),  // TLS 1.2 with CBC
                                         end};

constexpr OSSL_ALGORITHM asymmetric_ciphers[] = {
    as("RSA:rsaEncryption:1.2.840.113549.1.1.1", ossl_rsa_asym_cipher_functions), end};

constexpr OSSL_ALGORITHM keys[] = {as("RSA:rsaEncryption:1.2.840.113549.1.1.1", ossl_rsa_keymgmt_functions),
                                   as("RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10", ossl_rsapss_keymgmt_functions),
                                   as("EC:id-ecPublicKey:1.2.840.10045.2.1", ossl_ec_keymgmt_functions),
                                   as("X25519:1.3.101.110", ossl_x25519_keymgmt_functions),
                                   as("ED25519:1.3.101.112", ossl_ed25519_keymgmt_functions),
                                   as("HMAC", ossl_mac_legacy_keymgmt_functions),
                                   end};

#define STRUCTURE(name) "provider=default,input=der,structure=" name
constexpr OSSL_ALGORITHM decoders[] = {
    as("RSA", ossl_PrivateKeyInfo_der_to_rsa_decoder_functions, STRUCTURE("PrivateKeyInfo")),
    as("RSA", ossl_SubjectPublicKeyInfo_der_to_rsa_decoder_functions, STRUCTURE("SubjectPublicKeyInfo")),
    as("RSA", ossl_type_specific_keypair_der_to_rsa_decoder_functions, STRUCTURE("type-specific")),
    as("RSA-PSS", ossl_SubjectPublicKeyInfo_der_to_rsapss_decoder_functions, STRUCTURE("SubjectPublicKeyInfo")),
    as("EC", ossl_PrivateKeyInfo_der_to_ec_decoder_functions, STRUCTURE("PrivateKeyInfo")),
    as("EC", ossl_SubjectPublicKeyInfo_der_to_ec_decoder_functions, STRUCTURE("SubjectPublicKeyInfo")),
    as("EC", ossl_type_specific_no_pub_der_to_ec_decoder_functions, STRUCTURE("type-specific")),
    as("ED25519", ossl_PrivateKeyInfo_der_to_ed25519_decoder_functions, STRUCTURE("PrivateKeyInfo")),
    as("ED25519", ossl_SubjectPublicKeyInfo_der_to_ed25519_decoder_functions, STRUCTURE("SubjectPublicKeyInfo")),
    as("DER", ossl_SubjectPublicKeyInfo_der_to_der_decoder_functions, STRUCTURE("SubjectPublicKeyInfo")),
    as("DER", ossl_pem_to_der_decoder_functions, "provider=default,input=pem"),
    end};
#undef STRUCTURE

const OSSL_ALGORITHM* query(void*, int operation, int* no_cache) {
    *no_cache = 0;
    switch (operation) {
        case OSSL_OP_DIGEST: return digests;
        case OSSL_OP_CIPHER: return ciphers;
        case OSSL_OP_MAC: return macs;
        case OSSL_OP_KDF: return key_derivations;
        case OSSL_OP_RAND: return random_generators;
        case OSSL_OP_KEYMGMT: return keys;
        case OSSL_OP_KEYEXCH: return key_exchanges;
        case OSSL_OP_SIGNATURE: return signatures;
        case OSSL_OP_ASYM_CIPHER: return asymmetric_ciphers;
        case OSSL_OP_DECODER: return decoders;
        default: return nullptr;
    }
}

void tear_down(void* context) {
    auto* mine = static_cast<prov_ctx_st*>(context);
    BIO_meth_free(ossl_prov_ctx_get0_core_bio_method(mine));
    ossl_prov_ctx_free(mine);
}

template <class Function>
OSSL_DISPATCH entry(int id, Function* function) {
    return {id, reinterpret_cast<void (*)()>(function)};
}

const OSSL_DISPATCH provider[] = {entry(OSSL_FUNC_PROVIDER_TEARDOWN, &tear_down),
                                  entry(OSSL_FUNC_PROVIDER_QUERY_OPERATION, &query),
                                  entry(OSSL_FUNC_PROVIDER_GET_CAPABILITIES, &ossl_prov_get_capabilities),
                                  {0, nullptr}};

OSSL_LIB_CTX* library_context(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH* core) {
    for (; core->function_id != 0; ++core)
        if (core->function_id == OSSL_FUNC_CORE_GET_LIBCTX)
            return reinterpret_cast<OSSL_LIB_CTX*>(OSSL_FUNC_core_get_libctx(core)(handle));
    return nullptr;
}

}  // namespace

extern "C" {

int ossl_default_provider_init(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH* core, const OSSL_DISPATCH** out,
                               void** context) {
    if (ossl_prov_bio_from_dispatch(core) == 0 || ossl_prov_seeding_from_dispatch(core) == 0) return 0;
    auto* library = library_context(handle, core);
    auto* mine = ossl_prov_ctx_new();
    auto* bio = ossl_bio_prov_init_bio_method();
    if (library == nullptr || mine == nullptr || bio == nullptr) {
        BIO_meth_free(bio);
        ossl_prov_ctx_free(mine);
        return 0;
    }
    ossl_prov_ctx_set0_libctx(mine, library);
    ossl_prov_ctx_set0_handle(mine, handle);
    ossl_prov_ctx_set0_core_bio_method(mine, bio);
    *context = mine;
    *out = provider;
    return 1;
}

// The other predefined provider with tables: nothing asks for it.
int ossl_base_provider_init(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH**, void**) { return 0; }

// The names under which OpenSSL's older interfaces, among them the verification of certificates, find algorithms.
void openssl_add_all_digests_int() {
    EVP_add_digest(EVP_sha1());
    EVP_add_digest(EVP_sha224());
    EVP_add_digest(EVP_sha256());
    EVP_add_digest(EVP_sha384());
    EVP_add_digest(EVP_sha512());
}
void openssl_add_all_ciphers_int() {}

// Engines are other libraries or other hardware: a static program has neither.
void engine_load_dynamic_int() {}
void engine_load_openssl_int() {}
void engine_load_rdrand_int() {}
void engine_load_afalg_int() {}
void engine_load_padlock_int() {}

}  // extern "C"
