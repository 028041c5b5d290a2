/*
 * digest.h - MD5, which other clients spread keys over servers with, and SHA-256, which stands for
 * keys that are too long for a protocol. Neither guards a secret here. They are the project's own
 * because both are needed where there is no OpenSSL (it is optional), and MD5 also where OpenSSL
 * refuses it (FIPS), and because a digest a key is on the way of each call.
 */
#ifndef JAYI_DIGEST_H
#define JAYI_DIGEST_H

#include <stddef.h>

#define JAYI_MD5_BYTES 16
#define JAYI_SHA256_BYTES 32

void jayi_md5(const void *data, size_t size, unsigned char ret_digest[JAYI_MD5_BYTES]);
void jayi_sha256(const void *data, size_t size, unsigned char ret_digest[JAYI_SHA256_BYTES]);

#endif
