sandgate service add odd --socket sockets/odd/rpc.sock
sandgate service add empty --socket sockets/empty/rpc.sock
