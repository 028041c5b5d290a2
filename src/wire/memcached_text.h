/*
 * memcached_text.h - memcached's classic text commands, for servers before 1.6.10: composes
 * commands, and reads the heads of replies in the terms of memcached_meta.h.
 *
 * As there, nothing here reads or writes a socket, and a command takes at most JAYI_MC_LINE_MAX
 * bytes. All lookups are `gets`; a value that is found has a line END behind it.
 *
 * Keys. Those that the protocol carries go as they are, but for those that begin with "JAY1". All
 * others are hashed: "JAY1", a letter and their SHA-256 in hexadecimal digits. So no two keys have
 * the same form, short of a collision of SHA-256, and none can end a command.
 */
#ifndef JAYI_MEMCACHED_TEXT_H
#define JAYI_MEMCACHED_TEXT_H

#include "wire/memcached_meta.h"

/* As jayi_mc_key_encode and jayi_mc_key_encode_own. */
void jayi_mc_text_key_encode(const void *raw, size_t raw_size, jayi_mc_key *ret_key);
void jayi_mc_text_key_encode_own(char kind, const void *raw, size_t raw_size, jayi_mc_key *ret_key);

/* ---- commands; each returns the bytes composed ---- */

size_t jayi_mc_text_compose_get(char *out, const jayi_mc_key *key);

/* set, add, replace or cas, up to the value. */
size_t jayi_mc_text_compose_store(char *out, const jayi_mc_key *key, const jayi_mc_store *store);

/* delete; with a `cas` other than 0 a value that has expired, stored in place of that one. */
size_t jayi_mc_text_compose_delete(char *out, const jayi_mc_key *key, uint64_t cas);

/* incr */
size_t jayi_mc_text_compose_add(char *out, const jayi_mc_key *key, uint64_t delta);

/* ---- replies ---- */

/*
 * As jayi_mc_parse, for the reply to a command on `key`: VALUE is VA with has_end, a lone END is
 * EN, STORED and DELETED are HD, EXISTS, NOT_STORED and NOT_FOUND are EX, NS and NF. The number
 * that incr answers with is VA without a value: `text` and text_size are its digits. A VALUE of
 * another key is no reply, nor is one to a meta command.
 */
int jayi_mc_text_parse(const char *data, size_t size, const jayi_mc_key *key,
                       jayi_mc_reply *ret_reply);

/* Whether a version, as in the reply to `version`, is one whose meta commands are those of
 * memcached_meta.h. Versions that do not look like memcached's are taken to be. */
bool jayi_mc_text_is_meta_version(const char *text, size_t size);

#endif
