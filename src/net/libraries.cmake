# net: OpenSSL for TLS.
find_package(OpenSSL REQUIRED)
set(ROOM_LIBRARIES OpenSSL::SSL OpenSSL::Crypto)
