/*
 * site_queries.h - every query of the site, as X(NAME, database, sql).
 *
 * Columns are named as templates call them; see site_put_columns for what the ends of names mean.
 */
#ifndef SITE_QUERIES_H
#define SITE_QUERIES_H

enum site_database { SITE_DB_PACKAGES, SITE_DB_VISITORS, SITE_DATABASE_COUNT };

/* Packages that a package needs, in a list of kinds: what it cannot do without. */
#define SITE_NEEDS "d.kind IN (0, 1)"

#define SITE_QUERY_MAP(X)                                                                          \
    X(TOTALS, PACKAGES,                                                                            \
      "SELECT count(*) AS packages_count, sum(size_bytes) AS download_bytes,"                      \
      " sum(is_installed) AS installed_count,"                                                     \
      " (SELECT count(*) FROM maintainers) AS maintainers_count,"                                  \
      " (SELECT count(*) FROM dependencies) AS dependencies_count FROM packages")                  \
    X(SECTIONS, PACKAGES,                                                                          \
      "SELECT s.name AS section, s.name AS section_path, count(*) AS packages_count,"              \
      " sum(p.size_bytes) AS download_bytes,"                                                      \
      " 100.0 * count(*) / max(count(*)) OVER () AS share"                                         \
      " FROM packages p JOIN sections s ON s.id = p.section_id"                                    \
      " GROUP BY s.id ORDER BY count(*) DESC, s.name LIMIT ?1")                                    \
    X(MAINTAINERS, PACKAGES,                                                                       \
      "SELECT m.name AS maintainer, m.name AS maintainer_path, count(*) AS packages_count,"        \
      " 100.0 * count(*) / max(count(*)) OVER () AS share"                                         \
      " FROM packages p JOIN maintainers m ON m.id = p.maintainer_id"                              \
      " GROUP BY m.id ORDER BY count(*) DESC, m.name LIMIT ?1 OFFSET ?2")                          \
    X(MAINTAINER_TOTAL, PACKAGES, "SELECT count(*) FROM maintainers")                              \
    X(POPULAR, PACKAGES,                                                                           \
      "SELECT p.name, p.summary, count(DISTINCT d.package_id) AS uses_count"                       \
      " FROM dependencies d JOIN packages p ON p.id = d.target_id"                                 \
      " WHERE " SITE_NEEDS " GROUP BY d.target_id ORDER BY 3 DESC, p.name LIMIT ?1")               \
    X(LARGEST, PACKAGES,                                                                           \
      "SELECT name, summary, size_bytes AS download_bytes FROM packages"                           \
      " ORDER BY size_bytes DESC, name LIMIT ?1")                                                  \
    X(SECTION, PACKAGES,                                                                           \
      "SELECT s.id, count(*) AS packages_count FROM sections s"                                    \
      " JOIN packages p ON p.section_id = s.id WHERE s.name = ?1 GROUP BY s.id")                   \
    X(SECTION_PACKAGES, PACKAGES,                                                                  \
      "SELECT p.name, p.version, p.summary, p.is_installed FROM packages p"                        \
      " WHERE p.section_id = ?1 ORDER BY p.name LIMIT ?2 OFFSET ?3")                               \
    X(MAINTAINER, PACKAGES,                                                                        \
      "SELECT m.id, count(*) AS packages_count FROM maintainers m"                                 \
      " JOIN packages p ON p.maintainer_id = m.id WHERE m.name = ?1 GROUP BY m.id")                \
    X(MAINTAINER_PACKAGES, PACKAGES,                                                               \
      "SELECT p.name, p.version, p.summary, p.is_installed FROM packages p"                        \
      " WHERE p.maintainer_id = ?1 ORDER BY p.name LIMIT ?2 OFFSET ?3")                            \
    X(SEARCH_TOTAL, PACKAGES, "SELECT count(*) FROM search WHERE search MATCH ?1")                 \
    X(SEARCH, PACKAGES,                                                                            \
      "SELECT p.name, p.version, p.is_installed,"                                                  \
      " highlight(search, 0, char(1), char(2)) AS name_marked,"                                    \
      " highlight(search, 1, char(1), char(2)) AS summary_marked,"                                 \
      " snippet(search, 2, char(1), char(2), '…', 24) AS snippet_marked"                         \
      " FROM search JOIN packages p ON p.id = search.rowid WHERE search MATCH ?1"                  \
      " ORDER BY p.name = ?2 DESC, bm25(search, 10.0, 4.0, 1.0), p.name LIMIT ?3 OFFSET ?4")       \
    X(PACKAGE, PACKAGES,                                                                           \
      "SELECT p.id, p.name, p.version, p.architecture, p.priority, p.source, p.homepage,"          \
      " p.summary, p.description, p.size_bytes AS download_bytes, p.installed_bytes,"              \
      " p.is_installed, s.name AS section, s.name AS section_path, m.name AS maintainer,"          \
      " m.name AS maintainer_path FROM packages p JOIN sections s ON s.id = p.section_id"          \
      " JOIN maintainers m ON m.id = p.maintainer_id WHERE p.name = ?1")                           \
    X(NAME, PACKAGES, "SELECT id FROM names WHERE name = ?1")                                      \
    X(SUMMARY, PACKAGES, "SELECT name, summary FROM packages WHERE name = ?1")                     \
    X(DEPENDENCIES, PACKAGES,                                                                      \
      "SELECT d.kind, d.place, d.choice, n.name, d.bound, p.summary, p.id IS NOT NULL AS is_real"  \
      " FROM dependencies d JOIN names n ON n.id = d.target_id"                                    \
      " LEFT JOIN packages p ON p.id = d.target_id WHERE d.package_id = ?1"                        \
      " ORDER BY d.kind, d.place, d.choice LIMIT 1000")                                            \
    X(PROVIDES, PACKAGES,                                                                          \
      "SELECT n.name FROM provided v JOIN names n ON n.id = v.name_id WHERE v.package_id = ?1"     \
      " ORDER BY n.name LIMIT 100")                                                                \
    X(PROVIDERS, PACKAGES,                                                                         \
      "SELECT p.name, p.summary FROM provided v JOIN packages p ON p.id = v.package_id"            \
      " WHERE v.name_id = ?1 ORDER BY p.name LIMIT 100")                                           \
    X(SIBLINGS, PACKAGES,                                                                          \
      "SELECT name, summary FROM packages WHERE source = ?1 AND id <> ?2 ORDER BY name LIMIT 12")  \
    /* What an installation pulls in: everything needed, of alternatives the first. */             \
    X(FOOTPRINT, PACKAGES,                                                                         \
      "WITH RECURSIVE needed(id) AS (SELECT ?1 UNION"                                              \
      " SELECT d.target_id FROM needed JOIN dependencies d ON d.package_id = needed.id"            \
      " AND " SITE_NEEDS " AND d.choice = 0 LIMIT 100000)"                                         \
      " SELECT count(*) - 1 AS needed_count, sum(p.installed_bytes) AS needed_bytes"               \
      " FROM needed JOIN packages p ON p.id = needed.id")                                          \
    X(REVERSE_KINDS, PACKAGES,                                                                     \
      "SELECT d.kind, count(DISTINCT d.package_id) AS packages_count FROM dependencies d"          \
      " WHERE d.target_id = ?1 GROUP BY d.kind ORDER BY d.kind")                                   \
    /* The dependents that are themselves needed most. */                                          \
    X(REVERSE_TOP, PACKAGES,                                                                       \
      "SELECT p.name, p.summary, (SELECT count(DISTINCT u.package_id) FROM dependencies u"         \
      " WHERE u.target_id = p.id AND u.kind IN (0, 1)) AS uses_count FROM packages p"              \
      " WHERE p.id IN (SELECT d.package_id FROM dependencies d WHERE d.target_id = ?1"             \
      " AND " SITE_NEEDS ") ORDER BY uses_count DESC, p.name LIMIT ?2")                            \
    /* How many packages need it, directly or through others, by the steps between. */             \
    X(REVERSE_STEPS, PACKAGES,                                                                     \
      "WITH RECURSIVE dependents(id, steps) AS (SELECT ?1, 0 UNION"                                \
      " SELECT d.package_id, r.steps + 1 FROM dependents r"                                        \
      " JOIN dependencies d ON d.target_id = r.id AND " SITE_NEEDS                                 \
      " WHERE r.steps < 4 LIMIT 500000)"                                                           \
      " SELECT steps, count(*) AS packages_count,"                                                 \
      " 100.0 * count(*) / max(count(*)) OVER () AS share, sum(count(*)) OVER () AS total_count"   \
      " FROM (SELECT id, min(steps) AS steps FROM dependents GROUP BY id)"                         \
      " WHERE steps > 0 GROUP BY steps ORDER BY steps")                                            \
    X(REVERSE_TOTAL, PACKAGES,                                                                     \
      "SELECT count(DISTINCT d.package_id) FROM dependencies d WHERE d.target_id = ?1"             \
      " AND d.kind < 5")                                                                           \
    X(REVERSE_LIST, PACKAGES,                                                                      \
      "SELECT p.name, p.version, p.summary, p.is_installed, min(d.kind) AS kind"                   \
      " FROM dependencies d JOIN packages p ON p.id = d.package_id"                                \
      " WHERE d.target_id = ?1 AND d.kind < 5 GROUP BY p.id ORDER BY p.name LIMIT ?2 OFFSET ?3")   \
    /* Recommended or suggested by a package. */                                                   \
    X(SUGGESTIONS, PACKAGES,                                                                       \
      "SELECT p.name, p.summary FROM packages s JOIN dependencies d ON d.package_id = s.id"        \
      " AND d.kind IN (2, 3) JOIN packages p ON p.id = d.target_id WHERE s.name = ?1"              \
      " ORDER BY d.kind, d.place, d.choice LIMIT 4")                                               \
    X(VISIT_NOTE, VISITORS,                                                                        \
      "INSERT INTO visits(visitor, package) VALUES (?1, ?2)"                                       \
      " ON CONFLICT(visitor, package) DO UPDATE SET number = (SELECT max(number) + 1 FROM visits)" \
      " WHERE number < (SELECT max(number) FROM visits)")                                          \
    X(VISIT_TRIM, VISITORS,                                                                        \
      "DELETE FROM visits WHERE number <= (SELECT max(number) FROM visits) - ?1")                  \
    X(VISIT_RECENT, VISITORS,                                                                      \
      "SELECT package FROM visits WHERE visitor = ?1 ORDER BY number DESC LIMIT ?2")

enum site_query_id {
#define SITE_QUERY_ENUM(id, database, sql) SITE_QUERY_##id,
    SITE_QUERY_MAP(SITE_QUERY_ENUM)
#undef SITE_QUERY_ENUM
        SITE_QUERY_COUNT
};

#endif
