#pragma once

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/x509v3.h>

#include <memory>

namespace nodeboot {

struct OpensslFree {
    void operator()(BIO* bio) const { BIO_free(bio); }
    void operator()(X509* certificate) const { X509_free(certificate); }
    void operator()(X509_NAME* name) const { X509_NAME_free(name); }
    void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
    void operator()(void* memory) const { OPENSSL_free(memory); }
};

/// What OpenSSL made and the caller has to free.
template <class T>
using Owned = std::unique_ptr<T, OpensslFree>;

}  // namespace nodeboot
