# base: the standard library, the kernel, and libcrypto for SHA-256.
find_package(OpenSSL REQUIRED)
set(ROOM_LIBRARIES OpenSSL::Crypto)
