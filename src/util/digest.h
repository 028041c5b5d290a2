/*
 * digest.h - MD5, which other clients spread keys over servers with, SHA-1, which Redis servers
 * know, and SHA-256, which stands for keys that are too long for a protocol. None guards a secret
 * here. They are the project's own because they are needed where there is no OpenSSL (it is
 * optional), and MD5 also where OpenSSL refuses it (FIPS), and because a digest a key is on the way
 * of each call.
 */
#ifndef JAYI_DIGEST_H
#define JAYI_DIGEST_H

#include <stddef.h>

#define JAYI_MD5_BYTES 16
#define JAYI_SHA1_BYTES 20
#define JAYI_SHA256_BYTES 32

void jayi_md5(const void *data, size_t size, unsigned char ret_digest[JAYI_MD5_BYTES]);
void jayi_sha1(const void *data, size_t size, unsigned char ret_digest[JAYI_SHA1_BYTES]);
void jayi_sha256(const void *data, size_t size, unsigned char ret_digest[JAYI_SHA256_BYTES]);

/* Writes a digest as hexadecimal digits, two a byte, without a NUL. */
void jayi_digest_text(const unsigned char *digest, size_t size, char *ret_digits);

#endif
