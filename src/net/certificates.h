// For tests: a certificate authority and what it signs, made by OpenSSL at run time.
#pragma once

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

namespace sightglass::net {

struct Certificate {
  std::shared_ptr<X509> x509;
  std::shared_ptr<EVP_PKEY> key;
};

// Valid from `from_s` to `to_s`, in seconds from now. Without `issuer` it signs itself as an
// authority. `names`: "DNS:localhost,IP:127.0.0.1".
inline Certificate make_certificate(const Certificate* issuer, const std::string& names,
                                    long from_s, long to_s) {
  Certificate out;
  out.key = {EVP_EC_gen("P-256"), EVP_PKEY_free};
  out.x509 = {X509_new(), X509_free};
  X509* x509 = out.x509.get();
  static long serial = 1;
  X509_set_version(x509, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++);
  X509_gmtime_adj(X509_getm_notBefore(x509), from_s);
  X509_gmtime_adj(X509_getm_notAfter(x509), to_s);
  X509_set_pubkey(x509, out.key.get());
  const std::string common_name = issuer != nullptr ? "server" : "authority";
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                             0);
  const Certificate& signer = issuer != nullptr ? *issuer : out;
  X509_set_issuer_name(x509, X509_get_subject_name(signer.x509.get()));
  const auto extend = [&](int id, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value.c_str());
    X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
  };
  extend(NID_basic_constraints, issuer != nullptr ? "CA:FALSE" : "critical,CA:TRUE");
  if (!names.empty()) extend(NID_subject_alt_name, names);
  X509_sign(x509, signer.key.get(), EVP_sha256());
  return out;
}

// PEM files in a folder of their own that goes with the object.
class CertificateFolder {
 public:
  CertificateFolder() {
    char pattern[] = "/tmp/sightglass-net-XXXXXX";
    path_ = mkdtemp(pattern);
  }
  ~CertificateFolder() { std::filesystem::remove_all(path_); }
  CertificateFolder(const CertificateFolder&) = delete;
  CertificateFolder& operator=(const CertificateFolder&) = delete;

  std::string write(const std::string& name, const Certificate& certificate) const {
    const auto path = path_ / (name + ".pem");
    std::FILE* file = std::fopen(path.c_str(), "w");
    PEM_write_X509(file, certificate.x509.get());
    std::fclose(file);
    return path;
  }
  std::string write_key(const std::string& name, const Certificate& certificate) const {
    const auto path = path_ / (name + ".key");
    std::FILE* file = std::fopen(path.c_str(), "w");
    PEM_write_PrivateKey(file, certificate.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    return path;
  }
  std::string path(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace sightglass::net
