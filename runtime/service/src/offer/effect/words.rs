//! The words that method names are read by: data, in the order of the alphabet. Used by `name` alone. A word is here in
//! its plain form, as methods are named: what ends in `s` or is a participle (`updates`, `updated`) is a thing or a state.
//! A word that only some services mean as a change belongs here all the same. THREAT[POL-09]

/// These read, and are nothing but verbs, so that they are a name's verb wherever they stand: `slack_get_users`,
/// `torrent-get`.
pub(super) const GETS: &str = "
    describe find get retrieve
";

/// These read where a name begins with them. What follows is what is read, and may be one: `read_post`.
///
/// `show` is not among them, since it also puts things on screens; nor are `check`, `discover`, `estimate`, `query`,
/// `resolve`, `validate` and `verify`, which tick boxes, keep what they find, set estimates, run SQL, close issues, use up
/// tickets and confirm addresses.
pub(super) const READS: &str = "
    browse can compare decode exists explain fetch has inspect is lookup parse peek preview read simulate
";

/// These read where a name begins with them, and are things too: `list_transfer` transfers a list.
pub(super) const LISTS: &str = "
    count list search view
";

/// States, which are asked for by their name alone: `service.info`, `service_info`.
pub(super) const STATES: &str = "
    health help info ping statistics stats status uptime version whoami
";

/// Things that nobody takes for a deed, so that what comes behind them may be the verb: `service_list`. Where nothing
/// comes behind them, nothing is known: `plugin` of one service starts and stops plugins.
pub(super) const THINGS: &str = "
    account address agent album amount api app application article artist asset attachment author browser
    calendar capability catalog category chain client cluster collection company config configuration connection
    console container context cookie country currency customer data database dataset deal device directory
    domain entity environment event exception extension folder gateway genre history id identity instance
    interface inventory item job key language library location machine manager media meeting member memory
    metadata method metric module namespace network node notification organization owner parameter payment peer
    permission person player plugin policy product protocol provider region repository role room router rpc
    runtime schema secret section sensor server service session setting site state storage summary system team
    tenant thing token topic transaction tree user variable vendor video volume wallet warehouse webhook website
    workflow workspace
";

/// Whole names to which a published document gives one meaning, and whose words do not tell: those of Ethereum's
/// JSON-RPC API and of Starknet's.
pub(super) const PUBLISHED: &str = "
    debug_traceBlockByHash debug_traceBlockByNumber debug_traceTransaction engine_exchangeCapabilities
    engine_exchangeTransitionConfigurationV1 eth_accounts eth_baseFee eth_blobBaseFee eth_blockNumber eth_call
    eth_capabilities eth_chainId eth_coinbase eth_config eth_createAccessList eth_estimateGas eth_feeHistory
    eth_fillTransaction eth_gasPrice eth_getTransactionByBlockHashAndIndex
    eth_getTransactionByBlockNumberAndIndex eth_getUncleByBlockHashAndIndex eth_getUncleByBlockNumberAndIndex
    eth_hashrate eth_maxPriorityFeePerGas eth_mining eth_protocolVersion eth_syncing net_listening net_peerCount
    net_version starknet_blockHashAndNumber starknet_blockNumber starknet_call starknet_chainId
    starknet_estimateFee starknet_estimateMessageFee starknet_getStateUpdate
    starknet_getTransactionByBlockIdAndIndex starknet_specVersion starknet_syncing
    starknet_traceBlockTransactions starknet_traceTransaction txpool_content txpool_contentFrom txpool_status
    wallet_deploymentData wallet_requestChainId wallet_supportedSpecs wallet_supportedWalletApi
    web3_clientVersion web3_sha3
";

/// Behind these comes something else that is done, and nobody knows what.
pub(super) const JOINS: &str = "
    also and or plus then
";

/// These remove something, so that it is not there any more.
pub(super) const DESTROYS: &str = "
    annihilate autoclean autoremove clean cleanse cleanup clear cull deallocate decommission dedupe deduplicate
    del delete delist demolish deprovision dequeue deregister destroy discard dispose drain drop empty eradicate
    erase evict expunge exterminate flush forget kill nuke obliterate overwrite pop prune purge raze remove
    reset revoke rm rmdir scrap scrub shred terminate trash truncate undeploy uninstall unlink unregister unset
    vacuum vaporize wipe zap zeroize
";

/// Those that nobody takes for a part of another word, so that `deleteall` and `listremove` destroy as well.
pub(super) const UNMISTAKABLE: &str = "
    delete destroy erase obliterate purge remove truncate uninstall
";

/// These change something. Those that make things, send them, move them, hold them back, let them go, agree to them or
/// call other code are all the same here.
pub(super) const CHANGES: &str = "
    abandon abort absorb accept ack acknowledge acquire activate actuate adapt add adjust administer admit adopt
    advance affirm aggregate align allocate allot allow alter amend annotate announce annul append apply appoint
    appraise appropriate approve arm arrange assemble assert assign associate attach attest authenticate
    authorise authorize automate away ban bind blacklist boost boot bootstrap borrow bounce bring bump burn buy
    bypass calibrate cancel capture change checkin checkout choose click close coerce collapse collect combine
    commence compact compile compose compress confirm connect consolidate construct consume continue contribute
    convene convert correct create customise customize cut deactivate declare decline decrease decrement decrypt
    dedicate deduct defer define defrag degrade delay deliver demote deny deploy deprecate derive detach deter
    determine devote dial disable disallow disapprove disarm disburse disconnect dismiss dispatch disperse
    displace distribute divert divide donate downgrade drag duplicate edit eject elect elevate embed emit enable
    encode encrypt enforce engage enlist enqueue enrich enrol enroll ensure enter escalate establish eval
    evaluate exclude exec execute exempt exit expand expel expire expose extend extract feed fill finalise
    finalize finish fix flip follow force forfeit forge freeze fulfil fulfill gain gather generate give goto
    govern grab grant grow halt harvest heal hibernate hide hijack hire ignore impersonate implement impose
    include incorporate increase increment inflate inform ingest inherit inhibit init initialise initialize
    initiate inject input insert install instantiate instruct integrate interrupt introduce invalidate invest
    invite invoke involve isolate join keep kick launch lend let liberate lift liquidate localise localize
    locate lock login logoff logon logout lower maintain make manage materialize maximize memorize migrate
    minimize moderate modify move multicast mutate mute navigate negate negotiate normalize notify nudge nullify
    obtain off onboard operate optimise optimize orchestrate oust out overhaul override overrule paste pause pay
    perform persist pick pledge poke populate postpone prepare prepend preset press prevent proceed procure
    prohibit prolong promote propagate propose protect provide provision publish punish push put quarantine quit
    raise randomize react reactivate realign reallocate reannounce reapply rearrange reassign rebalance rebase
    reboot rebuild receive reclaim recommend recompile recompute reconcile reconfigure reconnect reconsider
    reconstruct recover recreate recruit recycle redeem redeploy redirect redistribute redo reduce reenable
    refill refinance refresh refuse regenerate register regulate rehash reimburse reindex reinstall reinstate
    reissue reject relate relaunch relay relinquish reload relocate remand remap remediate remind remit remount
    rename render renew renounce reopen reorder reorganize repay repeal repeat replace replenish replicate
    repopulate reprioritise reprioritize reprocess republish requeue reroute rerun rescan reschedule rescind
    resend resign resize resolve respond restart restore restrict restructure resubmit resume resync retain
    retire retract retry reuse revalidate reverse revert revise revive rewind reword rewrite rid rollback
    rollout rotate sanction sanitize save scale scroll seize select sell send separate serialize set settle
    setup shave shorten shrink shuffle shut shutdown sideload signin signout signup silence skip slash sleep
    solicit solve spawn spend spin splice squash start steal stop strengthen strip submit subscribe subtract
    summon supersede suppress surrender suspend sustain swallow sweep swipe sync synchronise synchronize
    synthesize take tamper tear tell thaw throttle throw tie toggle tokenize topup touch transact transcode
    transform translate transmit transpose tweak unarchive unassign unban unbind unblock uncheck undelegate
    undelete undo unfollow unfreeze unhide unify unite unload unlock unmark unmask unmount unmute unpack unpause
    unpin unpublish unreserve unresolve unroute unshare unstake unstar unsubscribe unsuspend untag unwrap update
    upgrade upsert use utilize vest void waive wake warm whitelist widen withdraw withhold write yank zip
";

/// What is a thing in one name and a deed in another: `get_order` reads one, `list_order` orders a list.
pub(super) const EITHER: &str = "
    access alert alias answer archive auction audit auth award back backup balance batch benchmark bid bill
    blame block book bookmark branch bridge broadcast budget build bundle cache call cast charge chat check
    checkpoint claim clone comment commit complete contact contract control copy cost cover crawl credit debit
    default delegate deposit design diagnose display download draft drive dump email encounter end escrow
    estimate exchange export fail favorite favourite fax feature file filter fine flag focus forecast fork
    format forward frame fund grade group guard guide handle hash highlight hold hook host import index
    interview invoice issue journal jump label lease level license like limit link live load loan log mail map
    mark mask match measure mention merge message mine mint mirror mix mock monitor mount name nominate note
    notice number offer open order output pack package pair park partition pass patch permit phone pin place
    plan play plot point poll pool position post present price print probe process produce profile prompt proxy
    pull purchase query question queue quote range rank rate rebate recall record reference refund release rent
    repair replay reply report request research reserve return review reward ring roll route rule run sample
    scan schedule score screen script seal secure seed seek share shift ship shop show sign signal snapshot sort
    split sponsor stack stage stake stamp star step stock store stream supply support survey swap switch tag tap
    target task tax template test text thread tick ticket tip trace track trade train transfer transition trap
    travel treat trigger trust turn type upload verify visit vote wager wait walk warn watch weigh wire wrap
    zone zoom
";
