// SPDX-FileCopyrightText: xapi.xen contributors
// SPDX-License-Identifier: GPL-3.0-or-later
//
// xen-api, the client of Xen Orchestra, at work: node watch.mjs FOLDER URL USER PASSWORD TRANSPORT
// It prints one line of JSON for every step, and ends with the first that goes wrong.

import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const [folder, url, user, password, transport] = process.argv.slice(2)
const { Xapi } = await import(pathToFileURL(createRequire(folder + '/').resolve('xen-api')))
const MIB = 1024 * 1024

const tell = (step, value) => console.log(JSON.stringify({ step, value }))
const xapi = new Xapi({ url, auth: { user, password }, transport, debounce: 0 })
const ofType = type => Object.values(xapi.objects.all).filter(object => object.$type === type)

// A promise of the first update after which the cached object is as wanted.
function seen(ref, wanted) {
  return new Promise(resolve => {
    const look = () => {
      const object = xapi.getObjectByRef(ref, undefined)
      if (wanted(object)) {
        xapi.objects.off('update', look)
        xapi.objects.off('add', look)
        xapi.objects.off('remove', look)
        resolve(object)
      }
    }
    xapi.objects.on('update', look).on('add', look).on('remove', look)
    look()
  })
}

async function watchPower(vm) {
  const states = []
  const note = () => {
    const state = xapi.getObjectByRef(vm).power_state
    if (state !== states[states.length - 1]) {
      states.push(state)
    }
  }
  await seen(vm, object => object !== undefined)
  xapi.objects.on('update', note)
  note()
  await xapi.callAsync('VM.start', vm, false, false)
  await seen(vm, object => object.power_state === 'Running' && xapi.getObjectByRef(object.guest_metrics, {}).networks?.['0/ip'])
  await xapi.callAsync('VM.hard_shutdown', vm)
  await seen(vm, object => object.power_state === 'Halted')
  xapi.objects.off('update', note)
  return states
}

// A host holds a disk for a moment after a transfer.
async function destroyDisk(vdi) {
  const inUse = await xapi.callAsync('VDI.destroy', vdi).then(() => false, error => {
    if (error.code !== 'VDI_IN_USE') {
      throw error
    }
    return true
  })
  if (inUse) {
    await new Promise(resolve => setTimeout(resolve, 300))
    await destroyDisk(vdi)
  }
}

async function roundTrip(sr) {
  const data = Buffer.alloc(4 * MIB)
  data.write('xen-api', MIB)
  const vdi = await xapi.call('VDI.create', {
    name_label: 'transfer', name_description: '', SR: sr, virtual_size: 4 * MIB, type: 'user', sharable: false, read_only: false,
    other_config: {},
  })
  await xapi.putResource(data, '/import_raw_vdi', { query: { vdi, format: 'raw' }, task: xapi.createTask('import') })
  const { body, task } = await xapi.getResource('/export_raw_vdi', { query: { vdi, format: 'raw' }, task: xapi.createTask('export') })
  const back = Buffer.from(await body.arrayBuffer())
  await task
  await destroyDisk(vdi)
  await seen(vdi, object => object === undefined)
  return data.equals(back)
}

await xapi.connect()
await xapi.objectsFetched
tell('pool', { records: (await xapi.getAllRecords('pool')).length, name: xapi.pool.name_label })
tell('cached', Object.fromEntries(['VM', 'SR', 'network', 'host'].map(type => [type, ofType(type).length])))

const template = ofType('VM').find(vm => vm.name_label === 'Other install media')
const vm = await xapi.call('VM.clone', template.$ref, 'watched')
await xapi.call('VM.provision', vm)
await xapi.call('VM.set_memory_limits', vm, 256 * MIB, 256 * MIB, 256 * MIB, 256 * MIB)
await xapi.call('VIF.create', {
  VM: vm, network: ofType('network').find(network => network.bridge === 'xenbr0').$ref, device: '0', MAC: '', MTU: 1500,
  other_config: {}, qos_algorithm_type: '', qos_algorithm_params: {},
})
await xapi.setFieldEntry('VM', vm, 'other_config', 'xo:test', 'yes')
tell('states', await watchPower(vm))
tell('barrier', (await xapi.barrier(vm)).other_config['xo:test'])
tell('refused', await xapi.callAsync('VM.suspend', vm).catch(error => [error.code, ...error.params.slice(1)]))
tell('round trip', await roundTrip(ofType('pool')[0].default_SR))
await xapi.call('VM.destroy', vm)
tell('destroyed', (await seen(vm, object => object === undefined)) === undefined)
await xapi.disconnect()
