#include "bench/store_engines.h"

#include <cstring>
#include <filesystem>

#include "intact/store/store.h"

#if INTACT_HAS_SQLITE
#include <sqlite3.h>
#endif
#if INTACT_HAS_LMDB
#include <lmdb.h>
#endif
#if INTACT_HAS_ROCKSDB
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/version.h>
#endif

namespace intact::bench {
namespace {

class IntactEngine final : public Engine {
 public:
  IntactEngine(const std::string& folder, uint32_t dimensions) {
    store::OpenOptions options;
    options.create = true;
    options.spec.emplace();
    options.spec->dimensions = dimensions;
    options.spec->model = "bench";
    store_ = store::Store::OpenWriter(os::RealFileSystem(), folder, options).value();
    snapshot_ = store_->snapshot();
  }
  void Put(std::span<const base::Digest> keys, std::span<const float> vectors) override {
    const auto written = store_->Write({.puts = {keys, vectors}, .deletes = {}});
    INTACT_CHECK(written.ok());
    snapshot_ = store_->snapshot();
  }
  bool Get(const base::Digest& key, std::span<float> vector) override {
    const auto row = snapshot_->Find(key).value();
    return row && snapshot_->ReadVector(*row, vector).ok();
  }
  bool Find(const base::Digest& key) override { return snapshot_->Find(key).value().has_value(); }
  void ReleasePages() override { snapshot_->ReleasePages(); }

 private:
  std::unique_ptr<store::Store> store_;
  std::shared_ptr<const store::Snapshot> snapshot_;
};

#if INTACT_HAS_SQLITE
class SqliteEngine final : public Engine {
 public:
  SqliteEngine(const std::string& folder, uint32_t) {
    std::filesystem::create_directories(folder);
    INTACT_CHECK(sqlite3_open((folder + "/db").c_str(), &db_) == SQLITE_OK);
    Run("PRAGMA journal_mode=WAL");
    Run("PRAGMA synchronous=FULL");
    Run("PRAGMA mmap_size=8589934592");
    Run("CREATE TABLE IF NOT EXISTS v(k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID");
    put_ = Prepare("INSERT OR REPLACE INTO v VALUES(?, ?)");
    get_ = Prepare("SELECT v FROM v WHERE k = ?");
  }
  ~SqliteEngine() override {
    sqlite3_finalize(put_);
    sqlite3_finalize(get_);
    sqlite3_close(db_);
  }
  void Put(std::span<const base::Digest> keys, std::span<const float> vectors) override {
    const size_t d = vectors.size() / keys.size();
    Run("BEGIN IMMEDIATE");
    for (size_t i = 0; i < keys.size(); ++i) {
      sqlite3_bind_blob(put_, 1, &keys[i], sizeof(keys[i]), SQLITE_STATIC);
      sqlite3_bind_blob(put_, 2, vectors.data() + i * d, static_cast<int>(d * sizeof(float)),
                        SQLITE_STATIC);
      INTACT_CHECK(sqlite3_step(put_) == SQLITE_DONE);
      sqlite3_reset(put_);
    }
    Run("COMMIT");
  }
  bool Get(const base::Digest& key, std::span<float> vector) override {
    sqlite3_bind_blob(get_, 1, &key, sizeof(key), SQLITE_STATIC);
    const bool is_there = sqlite3_step(get_) == SQLITE_ROW;
    if (is_there) std::memcpy(vector.data(), sqlite3_column_blob(get_, 0), vector.size_bytes());
    sqlite3_reset(get_);
    return is_there;
  }
  bool Find(const base::Digest& key) override {
    sqlite3_bind_blob(get_, 1, &key, sizeof(key), SQLITE_STATIC);
    const bool is_there = sqlite3_step(get_) == SQLITE_ROW;
    sqlite3_reset(get_);
    return is_there;
  }

 private:
  void Run(const char* sql) {
    INTACT_CHECK(sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  }
  sqlite3_stmt* Prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    INTACT_CHECK(sqlite3_prepare_v2(db_, sql, -1, &statement, nullptr) == SQLITE_OK);
    return statement;
  }
  sqlite3* db_ = nullptr;
  sqlite3_stmt* put_ = nullptr;
  sqlite3_stmt* get_ = nullptr;
};
#endif

#if INTACT_HAS_LMDB
class LmdbEngine final : public Engine {
 public:
  LmdbEngine(const std::string& folder, uint32_t) {
    std::filesystem::create_directories(folder);
    INTACT_CHECK(mdb_env_create(&env_) == 0);
    INTACT_CHECK(mdb_env_set_mapsize(env_, size_t{64} << 30) == 0);
    // Random reads: without it a cold page brings its neighbours.
    INTACT_CHECK(mdb_env_open(env_, folder.c_str(), MDB_NORDAHEAD, 0600) == 0);
    MDB_txn* txn = nullptr;
    INTACT_CHECK(mdb_txn_begin(env_, nullptr, 0, &txn) == 0);
    INTACT_CHECK(mdb_dbi_open(txn, nullptr, 0, &dbi_) == 0);
    INTACT_CHECK(mdb_txn_commit(txn) == 0);
    INTACT_CHECK(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &read_) == 0);
    mdb_txn_reset(read_);
  }
  ~LmdbEngine() override {
    mdb_txn_abort(read_);
    mdb_env_close(env_);
  }
  void Put(std::span<const base::Digest> keys, std::span<const float> vectors) override {
    const size_t d = vectors.size() / keys.size();
    MDB_txn* txn = nullptr;
    INTACT_CHECK(mdb_txn_begin(env_, nullptr, 0, &txn) == 0);
    for (size_t i = 0; i < keys.size(); ++i) {
      MDB_val key{sizeof(keys[i]), const_cast<base::Digest*>(&keys[i])};
      MDB_val value{d * sizeof(float), const_cast<float*>(vectors.data() + i * d)};
      INTACT_CHECK(mdb_put(txn, dbi_, &key, &value, 0) == 0);
    }
    INTACT_CHECK(mdb_txn_commit(txn) == 0);
  }
  bool Get(const base::Digest& key, std::span<float> vector) override {
    return Read(key, [&](const MDB_val& value) {
      std::memcpy(vector.data(), value.mv_data, vector.size_bytes());
    });
  }
  bool Find(const base::Digest& key) override {
    return Read(key, [](const MDB_val&) {});
  }
  // Nobody reads through the map between transactions.
  void ReleasePages() override {}

 private:
  template <typename Use>
  bool Read(const base::Digest& key, Use use) {
    INTACT_CHECK(mdb_txn_renew(read_) == 0);
    MDB_val name{sizeof(key), const_cast<base::Digest*>(&key)};
    MDB_val value;
    const bool is_there = mdb_get(read_, dbi_, &name, &value) == 0;
    if (is_there) use(value);
    mdb_txn_reset(read_);
    return is_there;
  }
  MDB_env* env_ = nullptr;
  MDB_dbi dbi_ = 0;
  MDB_txn* read_ = nullptr;
};
#endif

#if INTACT_HAS_ROCKSDB
class RocksEngine final : public Engine {
 public:
  RocksEngine(const std::string& folder, uint32_t) {
    rocksdb::Options options;
    options.create_if_missing = true;
    rocksdb::BlockBasedTableOptions table;
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    rocksdb::DB* db = nullptr;
    INTACT_CHECK(rocksdb::DB::Open(options, folder, &db).ok());
    db_.reset(db);
  }
  void Put(std::span<const base::Digest> keys, std::span<const float> vectors) override {
    const size_t d = vectors.size() / keys.size();
    rocksdb::WriteBatch batch;
    for (size_t i = 0; i < keys.size(); ++i) {
      batch.Put(Slice(keys[i]),
                {reinterpret_cast<const char*>(vectors.data() + i * d), d * sizeof(float)});
    }
    rocksdb::WriteOptions options;
    options.sync = true;
    INTACT_CHECK(db_->Write(options, &batch).ok());
  }
  bool Get(const base::Digest& key, std::span<float> vector) override {
    rocksdb::PinnableSlice value;
    if (!db_->Get({}, db_->DefaultColumnFamily(), Slice(key), &value).ok()) return false;
    std::memcpy(vector.data(), value.data(), vector.size_bytes());
    return true;
  }
  bool Find(const base::Digest& key) override {
    rocksdb::PinnableSlice value;
    return db_->Get({}, db_->DefaultColumnFamily(), Slice(key), &value).ok();
  }

 private:
  static rocksdb::Slice Slice(const base::Digest& key) {
    return {reinterpret_cast<const char*>(&key), sizeof(key)};
  }
  std::unique_ptr<rocksdb::DB> db_;
};
#endif

template <typename T>
std::unique_ptr<Engine> Open(const std::string& folder, uint32_t dimensions) {
  return std::make_unique<T>(folder, dimensions);
}

}  // namespace

std::vector<EngineKind> Engines() {
  std::vector<EngineKind> engines{{"intact", Open<IntactEngine>}};
#if INTACT_HAS_SQLITE
  engines.push_back({"SQLite " SQLITE_VERSION, Open<SqliteEngine>});
#endif
#if INTACT_HAS_LMDB
  engines.push_back({std::string("LMDB ") + std::to_string(MDB_VERSION_MAJOR) + "." +
                         std::to_string(MDB_VERSION_MINOR) + "." +
                         std::to_string(MDB_VERSION_PATCH),
                     Open<LmdbEngine>});
#endif
#if INTACT_HAS_ROCKSDB
  engines.push_back({"RocksDB " + rocksdb::GetRocksVersionAsString(), Open<RocksEngine>});
#endif
  return engines;
}

}  // namespace intact::bench
