// Runs the official JavaScript SDK from the folder named as first argument: lines of steps come in, lines of results go out.
import { createReadStream, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";

const { TwelveLabs } = createRequire(join(process.argv[2], "package.json"))("twelvelabs-js");

// The upload functions of the SDK tell of their progress on the stream that results go out on.
console.log = console.warn = () => {};

const camel = (name) => name.replace(/_v_2$/, "V2").replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());

const arguments_ = (given) =>
    Object.fromEntries(Object.entries(given).map(([name, value]) => [camel(name), name === "video" ? video(value) : value]));

const video = (source) =>
    Object.fromEntries(Object.entries(source).map(([name, value]) => [name === "base64_string" ? "base64String" : camel(name), value]));

const STEPS = {
    analyze: (client, got, given) => client.analyze(arguments_(given)),

    async analyze_stream(client, got, given) {
        const started = performance.now();
        for await (const event of await client.analyzeStream(arguments_(given))) {
            got.push({ ...event, after: (performance.now() - started) / 1000 });
        }
        return got;
    },

    create_asset(client, got, { path, whole, ...given }) {
        if (path === undefined) {
            return client.assets.create(arguments_(given));
        }
        const file = whole ? new File([readFileSync(path)], basename(path)) : createReadStream(path);
        return client.assets.create({ ...arguments_(given), file });
    },

    retrieve_asset: (client, got, { asset_id }) => client.assets.retrieve(asset_id),

    async ready_asset(client, got, { asset_id }) {
        for (let turn = 0; turn < 150; turn += 1) {
            const asset = await client.assets.retrieve(asset_id);
            if (asset.status !== "processing") {
                return asset;
            }
            await new Promise((resolve) => setTimeout(resolve, 200));
        }
        throw new Error(`still processing: ${asset_id}`);
    },

    async list_assets(client, got, given) {
        const ids = [];
        for await (const asset of await client.assets.list(arguments_(given))) {
            ids.push(asset.id);
        }
        return ids;
    },

    // The classic flow as its documents show it: an index, a task, and a question by `videoId`.
    async classic(client, got, { name, path }) {
        const models = [{ modelName: "pegasus1.2", modelOptions: ["visual", "audio"] }];
        const index = await client.indexes.create({ indexName: name, models });
        const task = await client.tasks.create({ indexId: index.id, videoFile: createReadStream(path) });
        const done = await client.tasks.waitForDone(task.id, { sleepInterval: 0.1 });
        const answer = await client.analyze({ videoId: task.videoId, prompt: "What is seen?" });
        const video = await client.indexes.videos.retrieve(index.id, task.videoId);
        await client.indexes.videos.update(index.id, task.videoId, { userMetadata: { category: "nature", rating: 9.3 } });
        const filtered = [];
        for (const userMetadata of [{ category: "nature", rating: 9.3 }, { category: "town" }, { rating: 9 }]) {
            for await (const one of await client.indexes.videos.list(index.id, { userMetadata })) {
                filtered.push(one.id === task.videoId && userMetadata.category);
            }
        }
        await client.indexes.delete(index.id);
        return { status: done.status, answer: answer.data, asset_id: video.assetId ?? video.asset_id, filtered };
    },

    delete_asset: (client, got, { asset_id, ...given }) => client.assets.delete(asset_id, arguments_(given)),

    async upload_file(client, got, { path, ...given }) {
        const progressCallback = (progress) => got.push({ ...progress });
        return { result: await client.multipartUpload.uploadFile(path, { ...arguments_(given), progressCallback }), progress: got };
    },

    begin_upload: (client, got, given) => client.multipartUpload.create(arguments_(given)),

    async list_uploads(client, got, given) {
        const ids = [];
        for await (const upload of await client.multipartUpload.listIncompleteUploads(arguments_(given))) {
            ids.push(upload.uploadId);
        }
        return ids;
    },

    async upload_chunks(client, got, { upload_id, ...given }) {
        for await (const chunk of await client.multipartUpload.getStatus(upload_id, arguments_(given))) {
            got.push(chunk);
        }
        return got;
    },

    create_task: (client, got, { headers, ...given }) => client.analyzeAsync.tasks.create(arguments_(given), { headers }),

    retrieve_task: (client, got, { task_id }) => client.analyzeAsync.tasks.retrieve(task_id),

    async finished_task(client, got, { task_id }) {
        for (let turn = 0; turn < 300; turn += 1) {
            const task = await client.analyzeAsync.tasks.retrieve(task_id);
            if (["ready", "failed", "canceled"].includes(task.status)) {
                return task;
            }
            await new Promise((resolve) => setTimeout(resolve, 100));
        }
        throw new Error(`not finished: ${task_id}`);
    },

    list_tasks: (client, got, given) => client.analyzeAsync.tasks.list(arguments_(given)),

    delete_task: (client, got, { task_id }) => client.analyzeAsync.tasks.delete(task_id),

    user_metadata(client, got, { how, asset_id, ...given }) {
        return client.assets[`${how}UserMetadata`](asset_id, arguments_(given));
    },
};

async function result(client, { do: name, ...given }) {
    const got = [];
    try {
        return { value: (await STEPS[name](client, got, given)) ?? null };
    } catch (error) {
        const kinds = [];
        for (let kind = Object.getPrototypeOf(error); kind; kind = Object.getPrototypeOf(kind)) {
            kinds.push(kind.constructor.name);
        }
        const body = error.body && typeof error.body === "object" && !error.body.pipe ? error.body : null;
        return { raised: error.constructor.name, kinds, status: error.statusCode ?? null, body: plain(body), text: String(error), got };
    }
}

function plain(body) {
    try {
        return JSON.parse(JSON.stringify(body));
    } catch {
        return null;
    }
}

for await (const line of createInterface({ input: process.stdin })) {
    const job = JSON.parse(line);
    const client = new TwelveLabs({ apiKey: job.api_key });
    const results = [];
    for (const step of job.steps) {
        results.push(await result(client, step));
    }
    process.stdout.write(`${JSON.stringify(results)}\n`);
}
