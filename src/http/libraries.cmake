# http: nothing beyond net (OpenSSL stays there).
